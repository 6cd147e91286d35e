"""The verdict in numbers: what is printed, drawn and committed is taken from here and from nowhere else."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
from tests.benchmarks.contest.request import machine, release
from tests.benchmarks.contest.runs import sign_of
from tests.benchmarks.rivals.methods import ENTRANT, METHODS, OURS
from tests.benchmarks.verdict import ranks, regret, wins
from tests.benchmarks.verdict.field import Field, completed, is_rival, present

MARKS = (12, 24, 48, 100)  #: trials at which methods are compared, whole rounds of four
CLAIM = 87 / 101  #: share of tasks that the paper reports and the project wants


def summary(field: Field, found: pd.DataFrame) -> dict[str, Any]:
    """Everything about one complete block; ``found`` holds the failed runs too."""
    marks = [mark for mark in MARKS if mark // 4 <= field.curves["best"].shape[-1]]
    return {
        "objective": field.objective,
        "tasks": len(field.tasks),
        "seeds": field.seeds,
        "methods": field.methods,
        "rivals": field.rivals,
        "decides": set(field.rivals) == {name for name in completed(found)["method"] if is_rival(name)},
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
    """Wins, ranks, regret and tests after a number of trials: the entrant among the rivals, and the variants among themselves.

    Variants are tests of the agent's parts, and of its rule for curves with a rival; some begin with knowledge, which the rivals have not. They
    share no rank and no family of tests with the rivals. Their wins are those that they would have in the entrant's place.
    """
    told = ("best", "held_out", *(["expected"] if field.kind == "table" else []))
    curves = {name: _worst_if_unknown(field.curves[name][..., mark // 4 - 1].mean(axis=2)) for name in told}
    lost = regret.over_seeds(regret.regret(field)[..., mark // 4 - 1])
    entrants = field.entrants
    columns = [field.column(name) for name in entrants]

    def rows(names: list[str]) -> dict[str, dict[str, Any]]:
        places = [field.column(name) for name in names]
        ranked = {name: ranks.mean_ranks(values[:, places]) for name, values in curves.items()}
        holm = {
            name: {pair.second: pair.holm for pair in ranks.against(curves[name], field.methods, ENTRANT, names)}
            for name in ("best", "held_out")
            if ENTRANT in field.methods
        }
        return {
            name: {
                **_wins(field, curves["best"], name),
                "rank": ranked["best"][place],
                "rank_without_noise": ranked["expected"][place] if "expected" in ranked else None,
                "rank_held_out": ranked["held_out"][place],
                "regret": regret.interval(lost[:, field.column(name)]),
                "held_out": sign_of(field.objective) * float(curves["held_out"][:, field.column(name)].mean()),
                "holm": holm.get("best", {}).get(name),
                "holm_held_out": holm.get("held_out", {}).get(name),
            }
            for place, name in enumerate(names)
        }

    return {
        "entrants": rows(entrants),
        "variants": rows(field.variants),
        "friedman_p": ranks.friedman(curves["best"][:, columns]),
        "cliques": ranks.cliques(curves["best"][:, columns], entrants),
    }


def _worst_if_unknown(values: np.ndarray) -> np.ndarray:
    """``(T, M)``, more is better: a method that has nothing to show on a task stands there with the worst of those that have."""
    return np.where(np.isnan(values), np.fmin.reduce(values, axis=1, keepdims=True), values)


def _wins(field: Field, means: np.ndarray, name: str) -> dict[str, float]:
    """A method among the entrants, a variant in the entrant's place: how often best or tied, how often alone, how often with no width for ties."""
    others = [other for other in field.entrants if other != name]
    if name not in field.entrants:
        others = field.rivals
    chosen = means[:, [field.column(other) for other in (name, *others)]]
    won, alone = wins.wins(chosen, field.rows)[:, 0], wins.strict_wins(chosen, field.rows)[:, 0]
    return {
        "wins": int(won.sum()),
        "share": float(won.mean()),
        "strict": int(alone.sum()),
        "strict_share": float(alone.mean()),
        "exact": int(wins.wins(chosen, np.full(len(chosen), np.inf))[:, 0].sum()),
    }


def _duels(field: Field) -> dict[str, dict[str, list[int]]]:
    """Tasks won, tied and lost at the end by every method (outer) against every other (inner)."""
    counts = wins.duels(field.ends, field.rows)
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


def not_played(rivals: list[str], budget: str) -> list[str]:
    """Methods of the protocol that are not in a block."""
    due = [name for name, method in METHODS.items() if is_rival(name) and (budget == "cost" or not method.partial)]
    return [name for name in due if name not in rivals]


def earlier(found: pd.DataFrame) -> dict[str, Any]:
    """Runs that earlier releases of the agent have played on the same tasks: with them, these results are not a first measurement."""
    ours = found[[not is_rival(name) for name in found["method"]]]
    old = ours[~ours["id"].isin(present(ours)["id"])]
    return {
        "runs": len(old),
        "tasks": int(old["task"].nunique()),
        "last": str(old["finished"].max())[:10] if len(old) else None,
    }


def machines(found: pd.DataFrame) -> list[str]:
    """Machines that made runs, in words; early runs did not keep theirs."""
    kept = found["machine"].dropna().unique() if "machine" in found else []
    told = [json.loads(text) for text in kept]
    return sorted(
        f"{one['processor']}, {one['cores']} cores, Python {one['python']}, XGBoost {one['xgboost']}" for one in told
    )


def verdict(
    role: str,
    kind: str,
    budget: str,
    objective: str,
    blocks: list[tuple[Field, dict[str, Any]]],
    every: pd.DataFrame,
    part: str | None = None,
) -> dict[str, Any]:
    """The file that is committed. The first block has most tasks, so it is the one that counts.

    Args:
        every: runs of earlier releases too.
        part: which tasks of the role, in words; None where there are no parts.
    """
    field, first = blocks[0]
    last = first["marks"][max(first["marks"], key=int)]
    return {
        "entrant": ENTRANT,
        "win_share": last["entrants"].get(ENTRANT, {}).get("share"),
        "strict_win_share": last["entrants"].get(ENTRANT, {}).get("strict_share"),
        "win_share_with_knowledge": last["variants"].get(OURS, {}).get("share"),
        "tasks": len(field.tasks),
        "seeds": len(field.curves["best"][0, 0]),
        "rivals": field.rivals,
        "not_played": not_played(field.rivals, budget),
        "kind": kind,
        "role": role,
        "part": part,
        "budget": budget,
        "objective": objective,
        "versions": {name: release(METHODS[name], curves=kind == "real") for name in field.methods},
        "earlier": earlier(every[every["task"].isin(field.tasks)]),
        "machines": machines(every),
        "drawn_on": machine(),
        "blocks": [content for _, content in blocks],
    }
