"""Which rows train, validate and are held out: by the seed, or as the list fixes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedKFold, train_test_split
from tests.benchmarks.evaluation.trial import FOLDS, HELD_OUT
from tests.benchmarks.tasks.pictures import HOLD_OUT, SPLIT, TRAIN, VALIDATE

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Split:
    """Folds as pairs of training and validation rows, and rows that neither sees."""

    folds: list[tuple[Rows, Rows]]
    held_out: Rows


def split(target: npt.NDArray[np.int64], state: int, part: npt.NDArray[np.uint8] | None = None) -> Split:
    """The split of a task under one seed; classes keep their shares."""
    rows = np.arange(len(target))
    if part is None or (part == SPLIT).all():
        inner, outer = train_test_split(rows, test_size=HELD_OUT, stratify=target, random_state=state)
        return Split(folds=_folds(inner, target, state), held_out=outer)
    if (part == VALIDATE).any():
        return Split(folds=[(rows[part == TRAIN], rows[part == VALIDATE])], held_out=rows[part == HOLD_OUT])
    return Split(folds=_folds(rows[part == TRAIN], target, state), held_out=rows[part == HOLD_OUT])


def _folds(inner: Rows, target: npt.NDArray[np.int64], state: int) -> list[tuple[Rows, Rows]]:
    cut = StratifiedKFold(FOLDS, shuffle=True, random_state=state).split(inner, target[inner])
    return [(inner[train], inner[score]) for train, score in cut]
