"""Accuracy and log-loss without the ceremony of a library: they are taken eighteen times an evaluation.

Notation: ``N`` rows, ``K`` classes; ``target: (N,)`` class indices; ``probability: (N, K)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from tests.benchmarks.evaluation.trial import Score

Array = npt.NDArray[Any]


def accuracy(target: Array, probability: Array) -> float:
    """Share of rows whose likeliest class is theirs; the first of equally likely ones counts."""
    return float(np.mean(probability.argmax(axis=1) == target))


def log_loss(target: Array, probability: Array) -> float:
    """Mean negative log-likelihood; probabilities below the resolution of their type count as that."""
    least = np.finfo(probability.dtype).eps
    return float(-np.mean(np.log(np.clip(probability[np.arange(len(target)), target], least, 1.0), dtype=np.float64)))


def score(share: float, target: Array, probability: Array, seconds: float) -> Score:
    """The score of one fold after a share of its training."""
    return Score(
        share=share, accuracy=accuracy(target, probability), log_loss=log_loss(target, probability), seconds=seconds
    )


def mean(folds: Sequence[Score]) -> Score:
    """Mean scores of folds at one share; their seconds add up."""
    return Score(
        share=folds[0].share,
        accuracy=float(np.mean([fold.accuracy for fold in folds])),
        log_loss=float(np.mean([fold.log_loss for fold in folds])),
        seconds=float(np.sum([fold.seconds for fold in folds])),
    )
