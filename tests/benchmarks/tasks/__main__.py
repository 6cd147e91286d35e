"""``python -m tests.benchmarks.tasks``: prepares every task and checks it against the committed digests; ``--write`` writes them."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from tests.benchmarks.tasks.listing import Task, named, tasks
from tests.benchmarks.tasks.prepared import DIGESTS, describe, digests, images, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="*", default=[task.name for task in tasks()])
    parser.add_argument("--write", action="store_true", help="read every task anew and commit to what is found")
    arguments = parser.parse_args()
    chosen = named(arguments.tasks)
    if arguments.write:
        _write(chosen)
    digests.cache_clear()
    unusable = [problem for task in chosen if (problem := _problem(task))]
    print(f"{len(chosen) - len(unusable)} of {len(chosen)} tasks are as committed", *unusable, sep="\n")
    raise SystemExit(bool(unusable))


def _write(chosen: list[Task]) -> None:
    known = json.loads(DIGESTS.read_text()) if DIGESTS.is_file() else {}
    for task in chosen:
        known[task.name] = asdict(describe(task))
        print(task.name, known[task.name], flush=True)
    ordered = {task.name: known[task.name] for task in tasks() if task.name in known}
    DIGESTS.write_text(json.dumps(ordered, indent=1) + "\n")


def _problem(task: Task) -> str | None:
    try:
        (images if task.model == "cnn" else table)(task)
    except Exception as error:
        return f"{task.name}: {type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    main()
