"""Which rows train and which score: hold-out or k folds, by the data's own seed, alike for every trial of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..errors import DataInvalid
from ..study import Data, HoldOut

Rows = npt.NDArray[np.int64]
FEW: Final = 5  #: rows of a class of which one is watched all the same


@dataclass(frozen=True, kw_only=True)
class Part:
    """Row indices of one fold."""

    train: Rows
    score: Rows


def parts(data: Data, target: npt.NDArray[Any], classes: Sequence[str] | None) -> list[Part]:
    """The folds; one for a hold-out. Classes keep their shares; None for a regression.

    Raises:
        DataInvalid: too few rows, or a class with too few.
    """
    from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

    folds = 2 if isinstance(data.validation, HoldOut) else data.validation.folds
    stratified = classes is not None
    if classes is not None:
        _check_classes(target, folds, classes)
    if len(target) < folds:
        raise DataInvalid(
            f"data.validation: needs at least {folds} rows, got {len(target)}; use more data or fewer folds"
        )
    rows = np.arange(len(target))
    if isinstance(data.validation, HoldOut):
        share = data.validation.holdout
        try:
            train, score = train_test_split(
                rows, test_size=share, random_state=data.split_seed, stratify=target if stratified else None
            )
        except ValueError as error:
            raise DataInvalid(
                f"data.validation: {len(target)} rows cannot be split by holdout {share} ({error}); use more data"
            ) from error
        return [Part(train=np.sort(train), score=np.sort(score))]
    splitter = (StratifiedKFold if stratified else KFold)(folds, shuffle=True, random_state=data.split_seed)
    return [Part(train=train, score=score) for train, score in splitter.split(rows, target)]


def watch_rows(rows: Rows, classes: npt.NDArray[Any] | None) -> Part:
    """A tenth of the training rows, set aside to decide when to stop; the same tenth for the same rows.

    Of each class a tenth, and at least one of five rows; ``classes (N,)`` are those of the rows, None for a regression.
    """
    order = np.random.default_rng(0).permutation(len(rows))
    groups = [order] if classes is None else [order[classes[order] == one] for one in np.unique(classes)]
    watched = np.concatenate([group[: max(len(group) // 10, int(len(group) >= FEW))] for group in groups])
    if not len(watched):
        watched = order[:1]
    return Part(train=np.delete(rows, watched), score=np.sort(rows[watched]))


def _check_classes(target: npt.NDArray[Any], least: int, classes: Sequence[str]) -> None:
    counts = np.bincount(target, minlength=len(classes))
    rare = int(np.argmin(counts))
    if counts[rare] < least:
        raise DataInvalid(
            f"data.target: every class needs at least {least} rows, got {counts[rare]} of {classes[rare]!r}; "
            "merge rare classes, drop their rows, or set data.task: regression"
        )
