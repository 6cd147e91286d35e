"""Metrics of the built-in trainers. ``N`` rows, ``K`` classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataInvalid
from ..study import Objective
from .table import Task

Array = npt.NDArray[Any]
NAMES: dict[Task, tuple[str, ...]] = {
    "classification": ("accuracy", "log_loss", "f1", "roc_auc"),
    "regression": ("rmse", "mae", "r2"),
}


def check_objective(objective: Objective, task: Task) -> None:
    """Raise DataInvalid unless the built-in trainers compute the objective's metric for this task."""
    if objective.metric not in NAMES[task]:
        raise DataInvalid(
            f"objective.metric: for {task} it must be one of {', '.join(NAMES[task])}, got {objective.metric}; "
            "change it or data.task"
        )


def classification(target: Array, probability: Array, names: Sequence[str] | None = None) -> dict[str, float]:
    """Metrics of class probabilities ``(N, K)`` against class indices ``(N,)``: all, or those ``names``.

    f1 is the macro mean; roc_auc is one against rest, and left out when a class is absent from the target.
    """
    from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score

    labels = np.arange(probability.shape[1])
    scores: dict[str, Callable[[], float]] = {
        "accuracy": lambda: accuracy_score(target, probability.argmax(axis=1)),
        "log_loss": lambda: log_loss(target, probability, labels=labels),
        "f1": lambda: f1_score(target, probability.argmax(axis=1), labels=labels, average="macro", zero_division=0.0),
    }
    if len(np.unique(target)) == len(labels):
        positive = probability[:, 1] if len(labels) == 2 else probability
        scores["roc_auc"] = lambda: roc_auc_score(target, positive, multi_class="ovr")
    return {name: float(score()) for name, score in scores.items() if names is None or name in names}


def regression(target: Array, predicted: Array, names: Sequence[str] | None = None) -> dict[str, float]:
    """Metrics of predictions ``(N,)`` against values ``(N,)``: all, or those ``names``; r2 is left out for a single row."""
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    scores: dict[str, Callable[[], float]] = {
        "rmse": lambda: root_mean_squared_error(target, predicted),
        "mae": lambda: mean_absolute_error(target, predicted),
    }
    if len(target) > 1:
        scores["r2"] = lambda: r2_score(target, predicted)
    return {name: float(score()) for name, score in scores.items() if names is None or name in names}


def mean(folds: list[dict[str, float]]) -> dict[str, float]:
    """Mean over folds of the metrics that every fold has."""
    return {
        name: float(np.mean([fold[name] for fold in folds])) for name in folds[0] if all(name in fold for fold in folds)
    }
