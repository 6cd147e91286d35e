"""``python -m tests.benchmarks.verdict.objectives``: which objective to ask for, if accuracy on rows of the future is what is wanted?

The same methods on the same tasks and seeds, once searching accuracy and once log-loss (``python -m tests.benchmarks.contest loss``). Told is
the accuracy of both incumbents on rows that no search has seen, mean over tasks, and Wilcoxon's signed-rank test over tasks.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from tests.benchmarks.contest import runs
from tests.benchmarks.contest.request import TRIALS
from tests.benchmarks.rivals.methods import METHODS
from tests.benchmarks.tasks.listing import of_role
from tests.benchmarks.verdict import ranks
from tests.benchmarks.verdict.field import completed, present

DIGITS = 6  #: curves are committed in single precision; a row is far more


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One method under both objectives."""

    method: str
    tasks: int
    accuracy: float  #: on held-out rows, of what the search of accuracy ends with
    log_loss: float  #: the same, of what the search of log-loss ends with
    better: int  #: tasks on which the latter is larger
    worse: int
    p: float


def compared(accuracy: pd.DataFrame, log_loss: pd.DataFrame) -> Iterator[Compared]:
    """Methods that have played some tasks under both objectives; seeds that both have are averaged."""
    keys = ["method", "task", "seed"]
    ends = accuracy.assign(**{runs.LAST: [values[-1] for values in accuracy["held_out"]]})
    both = ends[[*keys, runs.LAST]].merge(log_loss[[*keys, runs.LAST]], on=keys, suffixes=("_accuracy", "_log_loss"))
    means = both.groupby(["method", "task"]).mean(numeric_only=True)
    for method in METHODS:
        if method not in means.index.get_level_values("method"):
            continue
        there = means.loc[method]
        one, other = (
            there[f"{runs.LAST}_{objective}"].to_numpy().round(DIGITS) for objective in ("accuracy", "log_loss")
        )
        apart = np.round(other - one, DIGITS)
        yield Compared(
            method=method,
            tasks=len(there),
            accuracy=float(one.mean()),
            log_loss=float(other.mean()),
            better=int((apart > 0).sum()),
            worse=int((apart < 0).sum()),
            p=ranks.signed_rank(one, other),
        )


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    names = [task.name for task in of_role("test")]
    accuracy, log_loss = (completed(present(_played(objective, names))) for objective in ("accuracy", "log_loss"))
    table = Table(
        title="accuracy on held-out rows of what each search ends with, mean over test tasks", title_justify="left"
    )
    for column in ("method", "tasks", "searched accuracy", "searched log-loss", "better", "worse", "p"):
        table.add_column(column, justify="left" if column == "method" else "right")
    for row in compared(accuracy, log_loss):
        cells = (
            f"{row.tasks}",
            f"{row.accuracy:.4f}",
            f"{row.log_loss:.4f}",
            f"{row.better}",
            f"{row.worse}",
            f"{row.p:.2g}",
        )
        table.add_row(row.method, *cells)
    Console(width=140).print(table)


def _played(objective: str, tasks: list[str]) -> pd.DataFrame:
    """Whole real runs. Raises SystemExit where there are none."""
    found = runs.read(f"real-count-{objective}")
    if not len(found):
        raise SystemExit(f"no run has searched {objective} yet; play the contests real, fresh and loss")
    return found[found["task"].isin(tasks) & (found["trials"] == TRIALS)]


if __name__ == "__main__":
    main()
