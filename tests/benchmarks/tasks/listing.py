"""The frozen list of tasks, ``tasks.csv``: 101 for measuring and 30 for tuning the optimiser on."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal, get_args

HERE = Path(__file__).parent
Role = Literal["dev", "test"]
ROLES: tuple[Role, ...] = get_args(Role)
FAMILIES = "families-"  #: names a task on the same data whose space is that of `evaluation.families`


@dataclass(frozen=True, kw_only=True)
class Task:
    """One line of the list."""

    name: str
    model: Literal["xgboost", "cnn", "families"]
    role: Role
    package: str  #: where its data comes from
    item: str  #: what it is called there
    target: str  #: column of the class
    drop: tuple[str, ...]  #: leaks that the list itself names

    @property
    def data(self) -> str:
        """The task of the list whose data it is."""
        return self.name.removeprefix(FAMILIES)


@cache
def tasks() -> tuple[Task, ...]:
    """All tasks in the order of the list."""
    with (HERE / "tasks.csv").open(newline="", encoding="utf-8") as lines:
        return tuple(_task(row) for row in csv.DictReader(lines))


def named(names: Sequence[str]) -> list[Task]:
    """Tasks by name, in the order of ``names``. Raises ValueError for a name that is not in the list.

    Every table of the list is a second task, with ``families-`` before its name.
    """
    known = _known()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"tasks must be in tasks.csv, got {', '.join(unknown)}")
    return [known[name] for name in names]


@cache
def _known() -> dict[str, Task]:
    return {task.name: task for task in (*tasks(), *families(tasks()))}


def families(listed: Sequence[Task]) -> list[Task]:
    """The same tables, searched for a family of classifiers with its hyperparameters."""
    return [replace(task, name=FAMILIES + task.name, model="families") for task in listed if task.model == "xgboost"]


def of_role(role: Role) -> list[Task]:
    """The tasks of one role in the order of the list."""
    return [task for task in tasks() if task.role == role]


def _task(row: dict[str, str]) -> Task:
    drop = tuple(name for name in row.pop("drop").split(";") if name)
    return Task(name=row.pop("task"), drop=drop, **row)  # type: ignore[arg-type]
