"""The verdict in numbers: what is printed, drawn and committed is taken from here and from nowhere else."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from tests.benchmarks.contest.request import machine, release
from tests.benchmarks.rivals.methods import ENTRANT, METHODS, OURS
from tests.benchmarks.verdict import ranks, regret, wins
from tests.benchmarks.verdict.field import Field, completed

MARKS = (12, 24, 48, 100)  #: trials at which methods are compared, whole rounds of four
CLAIM = 87 / 101  #: share of tasks that the paper reports and the project wants


def summary(field: Field, found: pd.DataFrame) -> dict[str, Any]:
    """Everything about one complete block; ``found`` holds the failed runs too."""
    marks = [mark for mark in MARKS if mark // 4 <= field.curves["best"].shape[-1]]
    return {
        "tasks": len(field.tasks),
        "seeds": field.seeds,
        "methods": field.methods,
        "rivals": field.rivals,
        "flat_tasks": [
            task for task, distance in zip(field.tasks, regret.scale(field)[1], strict=True) if np.isnan(distance).all()
        ],
        "marks": {str(mark): at(field, mark) for mark in marks},
        "duels": _duels(field),
        "reached": {name: _reached(field, name) for name in field.methods},
        "overhead": {name: overhead(field, name) for name in field.methods},
        "completed": {name: int((completed(found)["method"] == name).sum()) for name in field.methods},
        "failed": {name: int(((found["method"] == name) & (found["failure"] != "")).sum()) for name in field.methods},
        "task_names": field.tasks,
    }


def at(field: Field, mark: int) -> dict[str, Any]:
    """Wins, ranks, regret and tests after a number of trials."""
    means = field.best(mark).mean(axis=2)
    lost = regret.over_seeds(regret.regret(field)[..., mark // 4 - 1])
    held, expected = (
        np.nan_to_num(field.curves[name][..., mark // 4 - 1].mean(axis=2)) for name in ("held_out", "expected")
    )
    entrants = [ENTRANT, *field.rivals] if ENTRANT in field.methods else field.rivals
    columns = [field.column(name) for name in entrants]
    return {
        "wins": {name: _wins(field, means, name) for name in field.methods},
        "ranks": dict(zip(field.methods, ranks.mean_ranks(means).tolist(), strict=True)),
        "ranks_of_entrants": dict(zip(entrants, ranks.mean_ranks(means[:, columns]).tolist(), strict=True)),
        "ranks_without_noise": dict(zip(field.methods, ranks.mean_ranks(expected).tolist(), strict=True))
        if field.kind == "table"
        else {},
        "ranks_held_out": dict(zip(field.methods, ranks.mean_ranks(held).tolist(), strict=True)),
        "regret": {name: regret.interval(lost[:, field.column(name)]) for name in field.methods},
        "friedman_p": ranks.friedman(means[:, columns]),
        "against": [asdict(pair) for pair in ranks.against(means, field.methods, ENTRANT, field.methods)]
        if ENTRANT in field.methods
        else [],
        "cliques": ranks.cliques(means[:, columns], entrants),
    }


def _wins(field: Field, means: np.ndarray, name: str) -> dict[str, float]:
    """A method among the rivals. A rival is counted among the rivals and the entrant; variants of the agent never meet each other."""
    others = [other for other in [*field.rivals, ENTRANT] if other != name and other in field.methods]
    if name not in (ENTRANT, *field.rivals):
        others = [other for other in others if other != ENTRANT]
    columns = [field.column(other) for other in (name, *others)]
    won = wins.wins(means[:, columns], field.rows)[:, 0]
    alone = wins.strict_wins(means[:, columns], field.rows)[:, 0]
    return {
        "wins": int(won.sum()),
        "share": float(won.mean()),
        "strict": int(alone.sum()),
        "strict_share": float(alone.mean()),
    }


def _duels(field: Field) -> dict[str, dict[str, list[int]]]:
    """Tasks won, tied and lost at the end by every method (outer) against every other (inner)."""
    counts = wins.duels(field.curves["best"][..., -1].mean(axis=2), field.rows)
    return {
        one: {other: counts[i, j].tolist() for j, other in enumerate(field.methods) if i != j}
        for i, one in enumerate(field.methods)
    }


def _reached(field: Field, name: str) -> dict[str, float | int | None]:
    """On tasks where configurations matter. What is never reached is beyond the budget, so a median may be unknown."""
    matters = ~np.isnan(regret.scale(field)[1]).all(axis=1)
    found = [values[matters] for values in regret.reached(field, name)]
    known = ~np.isnan(found[0])
    middles = [np.median(np.where(known, values, np.inf)) if len(values) else np.inf for values in found]
    told = [float(middle) if np.isfinite(middle) else None for middle in middles]
    return {"tasks": int(known.sum()), "of": int(matters.sum()), "median_trials": told[0], "median_seconds": told[1]}


def overhead(field: Field, name: str) -> float:
    """CPU seconds of a method for each trial that it proposed."""
    spent = field.curves["optimiser"][:, field.column(name)]
    return float(spent[..., -1].mean() / (4 * (spent.shape[-1] - 1)))


def verdict(
    role: str, kind: str, budget: str, objective: str, blocks: list[tuple[Field, dict[str, Any]]]
) -> dict[str, Any]:
    """The file that is committed. The first block has most tasks, so it is the one that counts."""
    field, first = blocks[0]
    last = first["marks"][max(first["marks"], key=int)]
    return {
        "entrant": ENTRANT,
        "win_share": last["wins"].get(ENTRANT, {}).get("share"),
        "strict_win_share": last["wins"].get(ENTRANT, {}).get("strict_share"),
        "win_share_with_knowledge": last["wins"].get(OURS, {}).get("share"),
        "tasks": len(field.tasks),
        "seeds": len(field.curves["best"][0, 0]),
        "rivals": field.rivals,
        "kind": kind,
        "role": role,
        "budget": budget,
        "objective": objective,
        "versions": {name: release(METHODS[name]) for name in field.methods},
        "machine": machine(),
        "blocks": [content for _, content in blocks],
    }
