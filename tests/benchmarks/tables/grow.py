"""``python -m tests.benchmarks.tables.grow``: makes the real runs that the tables still lack, for as long as it is let.

It goes round by round: every chosen task gets the first 100 configurations, then 150, 200, … so that whatever time there was, all tables are
equally good. Within a round the cheap tasks come first. Kill it whenever you like: every finished run is kept, and the same command goes on.
Tables are written when a task has all runs of a round.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass

from tests.benchmarks.evaluation.evaluator import evaluator
from tests.benchmarks.evaluation.trial import Answer
from tests.benchmarks.tables import plan, store
from tests.benchmarks.tables.plan import Point
from tests.benchmarks.tasks.listing import ROLES, Task, of_role
from tests.benchmarks.tasks.listing import tasks as all_tasks
from tests.benchmarks.tasks.prepared import digests
from tests.benchmarks.workers import pool

ROUNDS = (100, 150, 200, 250, 300)
CHUNK = 25  #: runs that a worker makes of one task before it is given the next


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Missing runs of one task, for one worker."""

    task: Task
    points: Sequence[Point]


def effort(task: Task) -> float:
    """What orders tasks: trees grow with classes, their cost with the size of the table. Networks come last."""
    data = digests()[task.data]
    return data.classes**0.8 * (data.rows * (10 + data.columns)) ** 0.5 * (1000 if task.model == "cnn" else 1)


def missing(task: Task, count: int) -> list[Point]:
    """What a table still lacks of its first ``count`` configurations."""
    have = store.known(store.read(task))
    return [point for point in plan.points(count) if point not in have]


def chunks(tasks: Sequence[Task], count: int) -> Iterator[Chunk]:
    """The work of one round, cheap tasks first."""
    for task in sorted(tasks, key=effort):
        left = missing(task, count)
        for start in range(0, len(left), CHUNK):
            yield Chunk(task=task, points=left[start : start + CHUNK])


def work(chunk: Chunk) -> list[Answer]:
    """Answers to a chunk, from what is kept or computed now."""
    asked = plan.configurations(chunk.task, [point.index for point in chunk.points])
    ask = evaluator(chunk.task.name, plan.SEED)
    return [ask(configuration, point.replicate) for configuration, point in zip(asked, chunk.points, strict=True)]


def collect(task: Task, answers: dict[Point, Answer]) -> None:
    """Add runs to the committed table."""
    store.write(task, store.merged(store.read(task), store.rows(answers)))


def grow(tasks: Sequence[Task], count: int, workers: int, stop: float) -> None:
    """One round over tasks, or as much of it as can be begun before ``stop``, by the monotonic clock."""
    with pool(workers) as working:
        waiting = list(chunks(tasks, count))
        left = {task.name: sum(chunk.task == task for chunk in waiting) for task in tasks}
        found: dict[str, dict[Point, Answer]] = {task.name: {} for task in tasks}
        running = {working.submit(work, chunk): chunk for chunk in waiting}
        for done in as_completed(running):
            chunk = running[done]
            if done.cancelled():
                continue
            found[chunk.task.name] |= dict(zip(chunk.points, done.result(), strict=True))
            left[chunk.task.name] -= 1
            if not left[chunk.task.name]:
                collect(chunk.task, found[chunk.task.name])
                seconds = sum(answer.seconds for answer in found[chunk.task.name].values())
                print(
                    f"{chunk.task.name}: {len(found[chunk.task.name])} runs, {seconds:.0f} CPU s, of {count}",
                    flush=True,
                )
            if time.monotonic() > stop:
                for other in running:
                    other.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--role", nargs="*", default=list(ROLES), choices=ROLES)
    parser.add_argument("--model", nargs="*", default=["xgboost"], choices=["xgboost", "cnn"])
    parser.add_argument(
        "--tasks", nargs="*", choices=[task.name for task in all_tasks()], metavar="TASK", help="only these"
    )
    parser.add_argument("--rounds", nargs="*", type=int, default=list(ROUNDS), metavar="CONFIGURATIONS")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--minutes", type=float, default=60 * 24)
    arguments = parser.parse_args()
    stop = time.monotonic() + 60 * arguments.minutes
    for count in arguments.rounds:
        for role in arguments.role:
            tasks = [
                task
                for task in of_role(role)
                if task.model in arguments.model and (arguments.tasks is None or task.name in arguments.tasks)
            ]
            if time.monotonic() < stop:
                grow(tasks, count, arguments.workers, stop)


if __name__ == "__main__":
    main()
