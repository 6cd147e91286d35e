"""``python -m tests.benchmarks.contest``: plays the runs that are still missing, side by side; kill it and it goes on.

    python -m tests.benchmarks.contest dev
    python -m tests.benchmarks.contest real --methods tunewright TPE --minutes 60
    python -m tests.benchmarks.contest dev --tasks keel-banana --seeds 0 1

Runs are kept in the cache as they finish; ``--commit`` merges them into the tables that are committed, and what costly ones have
evaluated so far beside them, so that another machine goes on from there.
"""

from __future__ import annotations

import argparse
import os

from tests.benchmarks.contest import runs
from tests.benchmarks.contest.runner import run
from tests.benchmarks.contest.schedule import CONTESTS
from tests.benchmarks.evaluation.kept import Kept
from tests.benchmarks.rivals.methods import METHODS
from tests.benchmarks.tasks.listing import families, tasks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contest", choices=list(CONTESTS))
    parser.add_argument(
        "--tasks",
        nargs="*",
        choices=[task.name for task in (*tasks(), *families(tasks()))],
        metavar="TASK",
        help="only these",
    )
    parser.add_argument("--methods", nargs="*", choices=list(METHODS), metavar="METHOD", help="only these")
    parser.add_argument("--seeds", nargs="*", type=int, metavar="SEED", help="only these")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--minutes", type=float, default=60 * 24)
    parser.add_argument("--commit", action="store_true", help="merge finished runs into the committed tables")
    arguments = parser.parse_args()
    wanted = [
        request
        for request in CONTESTS[arguments.contest]()
        if (arguments.tasks is None or request.task in arguments.tasks)
        and (arguments.methods is None or request.method in arguments.methods)
        and (arguments.seeds is None or request.seed in arguments.seeds)
    ]
    run(wanted, arguments.workers, arguments.minutes)
    if arguments.commit:
        runs.commit({runs.name(request) for request in wanted})
        every = [request for contest in CONTESTS.values() for request in contest() if request.kind == "real"]
        done = runs.finished(every)  # what is narrowed here shares its evaluations with all else
        for task in {request.task for request in wanted if request.kind == "real"}:
            Kept(task).commit(finished=all(request.id() in done for request in every if request.task == task))


if __name__ == "__main__":
    main()
