"""``python -m tests.benchmarks.contest``: plays the runs that are still missing, side by side; kill it and it goes on.

    python -m tests.benchmarks.contest --role dev --methods tunewright TPE random --seeds 0 1 2 3 4
    python -m tests.benchmarks.contest --tasks keel-sonar keel-pima --kind real --seeds 1 2 3 --workers 2

Runs are kept in the cache as they finish; ``--commit`` merges them into the tables that are committed.
"""

from __future__ import annotations

import argparse
import os

from tests.benchmarks.contest import runs
from tests.benchmarks.contest.quick import QUICK_METHODS, QUICK_SEEDS, QUICK_TASKS
from tests.benchmarks.contest.runner import requests, run
from tests.benchmarks.rivals.methods import METHODS
from tests.benchmarks.tasks.listing import ROLES, named, of_role, tasks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--role", choices=ROLES)
    parser.add_argument("--tasks", nargs="*", default=[])
    parser.add_argument(
        "--methods",
        nargs="*",
        choices=list(METHODS),
        metavar="METHOD",
        default=[name for name, method in METHODS.items() if not (method.partial or method.study)],
    )
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--kind", choices=["table", "real"], default="table")
    parser.add_argument("--budget", choices=["count", "cost"], default="count")
    parser.add_argument("--objective", choices=["accuracy", "log_loss"], default="accuracy")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--minutes", type=float, default=60 * 24)
    parser.add_argument("--quick", action="store_true", help="the tasks, methods and seed of benchmark-quick")
    parser.add_argument("--commit", action="store_true", help="merge finished runs into the committed tables")
    arguments = parser.parse_args()
    chosen = named(arguments.tasks) if arguments.tasks else list(of_role(arguments.role) if arguments.role else tasks())
    kind = {"kind": arguments.kind, "budget": arguments.budget, "objective": arguments.objective}
    wanted = requests(chosen, arguments.methods, arguments.seeds, **kind)
    if arguments.quick:
        wanted = requests(named(QUICK_TASKS), QUICK_METHODS, QUICK_SEEDS, kind="table")
    run(wanted, arguments.workers, arguments.minutes)
    if arguments.commit:
        runs.commit({runs.name(request) for request in wanted})


if __name__ == "__main__":
    main()
