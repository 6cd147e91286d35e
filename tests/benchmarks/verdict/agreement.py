"""``python -m tests.benchmarks.verdict.agreement``: do the tables of the development tasks say what real runs say?

The same methods on the same tasks, once on tables and once by real runs (``python -m tests.benchmarks.contest check``). A duel is a pair of
methods on a task, decided where their means over seeds are more than half a validation row apart (`wins`). Where tables and real runs
decide a duel differently it is told. Real runs have folds of their own for each seed, tables are of one seed's: some duels differ by that alone.

Writes ``results/dev-agreement-accuracy.json``.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from rich.console import Console
from rich.table import Table
from tests.benchmarks.contest import runs
from tests.benchmarks.contest.schedule import CHECKED, CHECKED_TASKS
from tests.benchmarks.verdict import ranks, wins
from tests.benchmarks.verdict.field import Field, block, completed, present

RESULTS = Path(__file__).parents[1] / "results"
Outcome: TypeAlias = Literal[
    "agree", "disagree", "decided by tables only", "decided by real runs only", "decided by neither"
]


@dataclass(frozen=True, kw_only=True)
class Duel:
    """A pair of methods on a task, on tables and by real runs."""

    task: str
    first: str
    second: str
    table: float  #: mean of the first minus mean of the second
    real: float
    outcome: Outcome


def duels(table: Field, real: Field) -> list[Duel]:
    """All pairs on all tasks. Both fields hold the same tasks and methods in the same order."""
    means = [field.curves["best"][..., -1].mean(axis=2) for field in (table, real)]
    apart = wins.width(table.rows)[:, 0]
    return [
        Duel(
            task=task,
            first=table.methods[a],
            second=table.methods[b],
            table=float(ahead[0]),
            real=float(ahead[1]),
            outcome=_outcome(*ahead, apart[place]),
        )
        for place, task in enumerate(table.tasks)
        for a, b in combinations(range(len(table.methods)), 2)
        if (ahead := [float(of[place, a] - of[place, b]) for of in means])
    ]


def _outcome(table: float, real: float, apart: float) -> Outcome:
    decided = abs(table) > apart, abs(real) > apart
    if decided == (True, True):
        return "agree" if (table > 0) == (real > 0) else "disagree"
    if decided == (True, False):
        return "decided by tables only"
    return "decided by real runs only" if decided[1] else "decided by neither"


def compared() -> tuple[Field, Field]:
    """The runs on tables and the real ones, of the tasks that have both.

    Raises:
        SystemExit: there are none yet.
    """
    done = {kind: completed(present(runs.read(f"{kind}-count-accuracy"))) for kind in ("table", "real")}
    first = {kind: block(found, CHECKED_TASKS, CHECKED) for kind, found in done.items()}
    tasks = [
        task for task in CHECKED_TASKS if all(field is not None and task in field.tasks for field in first.values())
    ]
    table, real = (block(found, tasks, CHECKED) for found in done.values())
    if table is None or real is None:
        raise SystemExit(
            "no development task has both runs on its table and real ones yet; play the contests dev and check"
        )
    return table, real


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    table, real = compared()
    found = duels(table, real)
    counted = Counter(duel.outcome for duel in found)
    standing = {kind: _ranks(field) for kind, field in (("table", table), ("real", real))}
    show(found, counted, standing, Console(width=140), (table, real))
    content = {
        "tasks": table.tasks,
        "seeds": {"table": table.seeds, "real": real.seeds},
        "ranks": standing,
        "outcomes": dict(sorted(counted.items())),
        "duels": [asdict(duel) for duel in found],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "dev-agreement-accuracy.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def _ranks(field: Field) -> dict[str, float]:
    means = field.curves["best"][..., -1].mean(axis=2)
    return dict(zip(field.methods, np.round(ranks.mean_ranks(means), 3).tolist(), strict=True))


def show(
    found: list[Duel],
    counted: Counter[Outcome],
    standing: dict[str, dict[str, float]],
    console: Console,
    fields: tuple[Field, Field],
) -> None:
    """Print ranks side by side, the count, and every duel that tables and real runs decide differently."""
    table, real = fields
    title = f"mean rank after 100 trials on {len(table.tasks)} development tasks"
    ranked = Table("method", f"tables, {len(table.seeds)} seeds", f"real runs, {len(real.seeds)} seeds", title=title)
    for method in table.methods:
        ranked.add_row(method, *(f"{standing[kind][method]:.2f}" for kind in ("table", "real")))
    console.print(ranked)
    both = counted["agree"] + counted["disagree"]
    console.print(f"{len(found)} duels; both decide {both}, in {counted['agree']} of them alike. " + "; ".join(
        f"{outcome}: {counted[outcome]}" for outcome in ("decided by tables only", "decided by real runs only", "decided by neither")
    ) + ".")  # fmt: skip
    for duel in found:
        if duel.outcome == "disagree":
            console.print(
                f"  {duel.task}: {duel.first} - {duel.second} is {duel.table:+.4f} on the table, {duel.real:+.4f} in real runs"
            )


if __name__ == "__main__":
    main()
