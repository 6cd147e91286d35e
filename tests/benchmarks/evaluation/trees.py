"""Boosted trees on a table of the list, scored on the way.

Same folds for every configuration of a seed. A booster is trained once; its score at a share of the training is that of its first trees.
Notation: ``N`` rows, ``K`` classes; ``probability: (N, K)``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost
from tests.benchmarks.evaluation.metrics import accuracy, log_loss, mean, score
from tests.benchmarks.evaluation.splits import split
from tests.benchmarks.evaluation.trial import SHARES, Answer, Question, Score, split_seed
from tests.benchmarks.tasks.frame import TARGET
from tests.benchmarks.tasks.listing import Task
from tests.benchmarks.tasks.prepared import table

from tunewright.training.boosting import curve_steps

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Matrices of one fold."""

    train: xgboost.DMatrix
    score: xgboost.DMatrix
    target: Array


class TreeEvaluator:
    """Evaluates configurations of one task under the folds of one seed, on one core."""

    def __init__(self, task: Task, seed: int) -> None:
        found = table(task)
        self.task, self.seed = task, seed
        features = found.drop(columns=[TARGET]).apply(
            lambda column: column if column.dtype == float else column.astype("category")
        )
        labels, target = np.unique(found[TARGET].to_numpy(dtype=str), return_inverse=True)
        self.classes = len(labels)
        cut = split(target, split_seed(task.name, seed))
        self.folds = [
            Fold(
                train=_matrix(features.iloc[train], target[train]),
                score=_matrix(features.iloc[score], target[score]),
                target=target[score],
            )
            for train, score in cut.folds
        ]
        self.held_out, self.held_out_target = (
            _matrix(features.iloc[cut.held_out], target[cut.held_out]),
            target[cut.held_out],
        )

    def __call__(self, question: Question) -> Answer:
        began = time.process_time()
        parameters = {**question.configuration, **self._fixed(question.replicate)}
        rounds = int(parameters.pop("n_estimators"))
        stops = stops_of(rounds)
        scores, held_out = zip(*(self._fold(fold, parameters, stops) for fold in self.folds), strict=True)
        together = np.mean(held_out, axis=0)
        return Answer(
            curve=tuple(mean(parts) for parts in zip(*scores, strict=True)),
            held_out_accuracy=accuracy(self.held_out_target, together),
            held_out_log_loss=log_loss(self.held_out_target, together),
            seconds=time.process_time() - began,
        )

    def _fixed(self, replicate: int) -> dict[str, Any]:
        binary = self.classes == 2
        objective = (
            {"objective": "binary:logistic"} if binary else {"objective": "multi:softprob", "num_class": self.classes}
        )
        return {**objective, "nthread": 1, "seed": replicate, "device": "cpu", "verbosity": 1}

    def _fold(self, fold: Fold, parameters: dict[str, Any], stops: Mapping[int, float]) -> tuple[list[Score], Array]:
        """Scores at every stop, a share of the training, with the CPU seconds until then, and probabilities of the held-out rows."""
        booster = xgboost.Booster(parameters, [fold.train, fold.score])
        began, done, scores = time.process_time(), 0, []
        for stop, share in stops.items():
            for step in range(done, stop):
                booster.update(fold.train, step)
            done = stop
            probability = self._probability(booster, fold.score)
            scores.append(score(share, fold.target, probability, time.process_time() - began))
        return scores, self._probability(booster, self.held_out)

    def _probability(self, booster: xgboost.Booster, matrix: xgboost.DMatrix) -> Array:
        predicted = booster.predict(matrix)
        return np.column_stack([1 - predicted, predicted]) if self.classes == 2 else predicted


def stops_of(rounds: int) -> dict[int, float]:
    """Rounds after which a booster is scored, ascending, and their shares: those of the protocol and those at which the product does."""
    shares = {step: step / rounds for step in curve_steps(rounds)}
    return dict(sorted((shares | {max(1, round(share * rounds)): share for share in SHARES}).items()))


def _matrix(features: Any, target: Array) -> xgboost.DMatrix:
    return xgboost.DMatrix(features, label=target, enable_categorical=True, nthread=1)
