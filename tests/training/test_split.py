"""Folds are those of scikit-learn, and alike for every trial."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from tunewright.errors import DataInvalid
from tunewright.study import Data, HoldOut
from tunewright.study import KFold as Folds
from tunewright.training.split import parts, watch_rows

TARGET = np.array([0, 1] * 20 + [0] * 20)
LABELS = ["well", "sick"]


def test_k_folds_are_those_of_scikit_learn() -> None:
    data = Data(source="sklearn:iris", validation=Folds(folds=4), split_seed=7)
    for classes, splitter in ((LABELS, StratifiedKFold), (None, KFold)):
        expected = splitter(4, shuffle=True, random_state=7).split(TARGET, TARGET)
        for part, (train, score) in zip(parts(data, TARGET, classes), expected, strict=True):
            assert part.train.tolist() == train.tolist()
            assert part.score.tolist() == score.tolist()


def test_a_hold_out_keeps_the_shares_of_the_classes() -> None:
    (part,) = parts(Data(source="sklearn:iris", validation=HoldOut(holdout=0.3)), TARGET, LABELS)
    assert sorted([*part.train, *part.score]) == list(range(60))
    assert TARGET[part.score].tolist().count(1) == 6


def test_the_rows_that_decide_when_to_stop_are_a_tenth_of_the_training_part() -> None:
    watched = watch_rows(np.arange(100, 200), None)
    assert (len(watched.train), len(watched.score)) == (90, 10)
    assert sorted([*watched.train, *watched.score]) == list(range(100, 200))


def test_every_class_of_five_rows_is_among_those_that_decide_when_to_stop() -> None:
    rows, target = np.arange(1000, 2000), np.repeat([0, 1, 2], [990, 6, 4])
    watched = watch_rows(rows, np.random.default_rng(1).permutation(target))
    classes = dict(zip(rows.tolist(), np.random.default_rng(1).permutation(target).tolist(), strict=True))
    assert sorted([*watched.train, *watched.score]) == rows.tolist()
    assert [[classes[row] for row in watched.score.tolist()].count(one) for one in range(3)] == [99, 1, 0]
    assert len(watch_rows(np.arange(4), np.array([0, 0, 1, 1])).score) == 1, "of few rows one is watched"


def test_a_class_with_too_few_rows_is_refused() -> None:
    with pytest.raises(DataInvalid, match="every class needs at least 3 rows, got 1 of 'sick'; merge"):
        parts(Data(source="sklearn:iris", validation=Folds(folds=3)), np.array([0, 0, 0, 0, 1]), ["well", "sick"])


def test_a_hold_out_smaller_than_the_number_of_classes_is_refused() -> None:
    data = Data(source="sklearn:iris", validation=HoldOut(holdout=0.1))
    with pytest.raises(DataInvalid, match=r"6 rows cannot be split by holdout 0\.1"):
        parts(data, np.array([0, 1, 2] * 2), ["a", "b", "c"])


def test_too_few_rows_for_the_folds_are_refused() -> None:
    with pytest.raises(DataInvalid, match="needs at least 5 rows, got 3"):
        parts(Data(source="sklearn:iris", validation=Folds(folds=5)), np.arange(3.0), None)


def test_a_hold_out_is_drawn_by_the_datas_own_seed() -> None:
    (part,) = parts(Data(source="sklearn:iris", validation=HoldOut(holdout=0.3), split_seed=7), TARGET, LABELS)
    _, score = train_test_split(np.arange(60), test_size=0.3, random_state=7, stratify=TARGET)
    assert part.score.tolist() == sorted(score)
