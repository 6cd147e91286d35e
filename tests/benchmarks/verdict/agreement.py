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
from typing import Literal, TypeAlias

import numpy as np
from rich.console import Console
from rich.table import Table
from tests.benchmarks.contest import runs
from tests.benchmarks.contest.schedule import CHECKED, CHECKED_TASKS
from tests.benchmarks.rivals.methods import BLIND, ENTRANT
from tests.benchmarks.verdict import ranks, wins
from tests.benchmarks.verdict.__main__ import RESULTS, plain
from tests.benchmarks.verdict.field import Field, block, completed, present

COMPARED = [name for name in CHECKED if name != BLIND]
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
    decided = [wins.ahead(field.ends, field.rows) for field in (table, real)]
    return [
        Duel(
            task=name,
            first=table.methods[a],
            second=table.methods[b],
            table=float(table.ends[task, a] - table.ends[task, b]),
            real=float(real.ends[task, a] - real.ends[task, b]),
            outcome=_outcome(*(int(of[task, a, b]) for of in decided)),
        )
        for task, name in enumerate(table.tasks)
        for a, b in combinations(range(len(table.methods)), 2)
    ]


def _outcome(table: int, real: int) -> Outcome:
    """Of two decisions, 0 where there is none."""
    if table and real:
        return "agree" if table == real else "disagree"
    if table:
        return "decided by tables only"
    return "decided by real runs only" if real else "decided by neither"


def compared() -> tuple[Field, Field]:
    """The runs on tables and the real ones, of the tasks that have both.

    Raises:
        SystemExit: there are none yet.
    """
    done = {kind: completed(present(runs.read(f"{kind}-count-accuracy"))) for kind in ("table", "real")}
    # tables tell no curves, so neither may the real runs that they are compared with
    blind = done["real"][done["real"]["method"] != ENTRANT]
    done["real"] = blind.assign(method=blind["method"].replace(BLIND, ENTRANT))
    first = {kind: block(found, CHECKED_TASKS, COMPARED) for kind, found in done.items()}
    tasks = [
        task for task in CHECKED_TASKS if all(field is not None and task in field.tasks for field in first.values())
    ]
    table, real = (block(found, tasks, COMPARED) for found in done.values())
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
    fewest = min(len(table.seeds), len(real.seeds))
    standing = {kind: ranks_of(field, fewest) for kind, field in (("table", table), ("real", real))}
    show(found, counted, standing, Console(width=140), (table, real))
    content = {
        "tasks": table.tasks,
        "seeds": {"table": table.seeds, "real": real.seeds},
        "ranks": standing,
        "outcomes": dict(sorted(counted.items())),
        "duels": [asdict(duel) for duel in found],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "dev-agreement-accuracy.json").write_text(json.dumps(plain(content), indent=1, allow_nan=False) + "\n")


def ranks_of(field: Field, seeds: int) -> dict[str, float]:
    """Mean ranks by means over so many seeds, over all choices of them: a mean over more seeds hides less of a lead."""
    ends = field.curves["best"][..., -1]
    chosen = combinations(range(len(field.seeds)), seeds)
    found = np.mean([ranks.mean_ranks(ends[:, :, list(some)].mean(axis=2)) for some in chosen], axis=0)
    return dict(zip(field.methods, found.tolist(), strict=True))


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
    fewest = min(len(table.seeds), len(real.seeds))
    ranked = Table(
        "method",
        f"tables, {fewest} of {len(table.seeds)} seeds",
        f"real runs, {fewest} of {len(real.seeds)}",
        title=title,
    )
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
