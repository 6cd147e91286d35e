"""What one real evaluation is asked and what it answers."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.benchmarks.tasks.listing import Task
from tests.benchmarks.tasks.prepared import digests

from tunewright.space import Configuration, Space
from tunewright.study_file import load_study

STUDIES = Path(__file__).parents[3] / "components" / "tunewright" / "studies"
FOLDS = 3
HELD_OUT = 0.25
SHARES = (1 / 9, 1 / 4, 1 / 3, 1 / 2, 3 / 4, 1.0)
"""Shares of the full training at which it is scored on the way: quarters, and the rungs of Hyperband with eta = 3. Trees are scored where the
product does too."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One configuration under the folds of one seed."""

    task: str
    seed: int  #: decides the outer split and the folds, together with the task
    configuration: Configuration
    replicate: int = 0  #: decides the trainer's own randomness


@dataclass(frozen=True, kw_only=True)
class Score:
    """A configuration after some share of its training; means over folds."""

    share: float
    accuracy: float
    log_loss: float
    seconds: float  #: CPU seconds spent until then, scoring included


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a real evaluation found."""

    curve: tuple[Score, ...]  #: one a share, ascending; empty when the configuration is infeasible
    held_out_accuracy: float | None  #: of the folds' models together, on rows that none of them has seen
    held_out_log_loss: float | None
    seconds: float  #: CPU seconds of the whole evaluation
    reason: str = ""  #: why there is no score
    expected: float | None = None  #: accuracy without noise, which only tables know

    @property
    def final(self) -> Score | None:
        """The score after the whole training; None when the configuration is infeasible."""
        return self.curve[-1] if self.curve else None


def split_seed(task: str, seed: int) -> int:
    """The seed of splits: different for every task, alike for all methods."""
    return zlib.crc32(f"{task}/{seed}".encode()) % 2**31


def valid_rows(task: Task) -> int:
    """Rows on which a configuration is validated: every one that is not held out, once."""
    fixed = {"fashion-mnist": 10_000, "fashion-mnist-1k": 2000}
    rows = digests()[task.data].rows
    return fixed.get(task.name, rows - math.ceil(HELD_OUT * rows))


@cache
def space(model: str) -> Space:
    """The paper's search space for a model, from the study that ships with the product; that of families is the benchmark's own."""
    if model == "families":
        from tests.benchmarks.evaluation.families import SPACE

        return SPACE
    return load_study(STUDIES / f"{model}-paper.yaml").search_space()


def space_of(task: Task) -> Space:
    """The search space of a task."""
    return space(task.model)
