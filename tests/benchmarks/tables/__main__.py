"""``python -m tests.benchmarks.tables``: how many real runs each table holds, and how well they are interpolated.

Spread is the standard deviation of the accuracy over configurations, noise that of repeated runs, error that of five-fold prediction. Where the
spread is not above the noise, configurations do not matter and every method wins.
"""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table
from tests.benchmarks.tables import store
from tests.benchmarks.tables.interpolator import quality
from tests.benchmarks.tasks.listing import ROLES, of_role

LEAST = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--role", nargs="*", default=list(ROLES), choices=ROLES)
    for role in parser.parse_args().role:
        tasks = of_role(role)
        made = [(task, table) for task in tasks if len(table := store.read(task)) >= LEAST]
        printed = Table(title=f"{role}: {len(made)} of {len(tasks)} tables", title_justify="left")
        for name in ("task", "runs", "best", "median", "spread", "noise", "error", "rank correlation"):
            printed.add_column(name, justify="left" if name == "task" else "right")
        for task, table in made:
            found = quality(task, table)
            correlation = found.pop("rank_correlation")
            numbers = [f"{found[name]:.4f}" for name in ("best", "median", "spread", "noise", "error")]
            printed.add_row(
                task.name, str(found["runs"]), *numbers, "–" if correlation is None else f"{correlation:.2f}"
            )
        Console(width=140).print(printed)


if __name__ == "__main__":
    main()
