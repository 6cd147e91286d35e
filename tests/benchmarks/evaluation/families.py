"""Families of classifiers with their hyperparameters as one space: what the paper's spaces do not have, unordered choices and conditions.

Same folds for every configuration of a seed. Missing numbers are the mean of the training rows, text is one column a value.
Notation: ``N`` rows, ``K`` classes; ``probability: (N, K)``.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, StandardScaler
from tests.benchmarks.evaluation.metrics import accuracy, log_loss, mean, score
from tests.benchmarks.evaluation.splits import split
from tests.benchmarks.evaluation.trial import Answer, Question, Score, split_seed
from tests.benchmarks.tasks.frame import TARGET
from tests.benchmarks.tasks.listing import Task
from tests.benchmarks.tasks.prepared import table

from tunewright.space import CategoricalParameter, Configuration, FloatParameter, IntParameter, Space

Array = npt.NDArray[Any]
FUNCTION = 1  #: another number for another space or another training
STEPS = 300  #: of the solver of logistic regression
TREES = 40
QUANTILES = 100
LANDMARKS = 100  #: rows whose kernels are the features of kernel regression
LEAST = 1e-4  #: probability of what a family calls impossible: one such row must not be all of the log-loss


def _float(low: float, high: float, family: str, scale: str = "linear") -> FloatParameter:
    return FloatParameter.model_validate(
        {"type": "float", "low": low, "high": high, "scale": scale, "when": {"family": family}}
    )


def _choice(choices: list[str], family: str | None = None) -> CategoricalParameter:
    return CategoricalParameter(type="categorical", choices=choices, when={"family": family} if family else {})


def _count(high: int, family: str) -> IntParameter:
    return IntParameter(type="int", low=1, high=high, scale="log", when={"family": family})


SPACE = Space(
    {
        "family": _choice(["logistic", "kernel", "neighbours", "forest", "quadratic"]),
        "scaling": _choice(["none", "standard", "minmax", "quantile"]),
        "logistic_c": _float(1e-4, 1e3, "logistic", "log"),
        "kernel_c": _float(1e-3, 1e3, "kernel", "log"),
        "kernel_gamma": _float(1e-4, 1e1, "kernel", "log"),
        "neighbours": _count(60, "neighbours"),
        "neighbours_weights": _choice(["uniform", "distance"], "neighbours"),
        "neighbours_power": _float(1.0, 2.0, "neighbours"),
        "forest_kind": _choice(["random", "extra"], "forest"),
        "forest_criterion": _choice(["gini", "entropy"], "forest"),
        "forest_features": _float(0.05, 1.0, "forest"),
        "forest_leaf": _count(40, "forest"),
        "quadratic_shrinkage": _float(1e-4, 1.0, "quadratic", "log"),
    }
)


class FamilyEvaluator:
    """Evaluates configurations of one task under the folds of one seed, on one core."""

    def __init__(self, task: Task, seed: int) -> None:
        found = table(task)
        self.features = pd.get_dummies(found.drop(columns=[TARGET])).to_numpy(dtype=np.float64)
        labels, self.target = np.unique(found[TARGET].to_numpy(dtype=str), return_inverse=True)
        self.classes = len(labels)
        self.cut = split(self.target, split_seed(task.name, seed))

    def __call__(self, question: Question) -> Answer:
        began = time.process_time()
        try:
            with warnings.catch_warnings():  # what is not converged or not of full rank is scored as it is
                warnings.simplefilter("ignore")
                folds = [self._fold(question, train, rows) for train, rows in self.cut.folds]
        except np.linalg.LinAlgError as error:
            seconds = time.process_time() - began
            return Answer(curve=(), held_out_accuracy=None, held_out_log_loss=None, seconds=seconds, reason=str(error))
        together, target = np.mean([held_out for _, held_out in folds], axis=0), self.target[self.cut.held_out]
        return Answer(
            curve=(mean([scored for scored, _ in folds]),),
            held_out_accuracy=accuracy(target, together),
            held_out_log_loss=log_loss(target, together),
            seconds=time.process_time() - began,
        )

    def _fold(self, question: Question, train: Array, rows: Array) -> tuple[Score, Array]:
        """The score of one fold, and probabilities of the held-out rows."""
        began = time.process_time()
        pipeline = make_pipeline(
            SimpleImputer(keep_empty_features=True), *_model(question.configuration, len(train), question.replicate)
        )
        pipeline.fit(self.features[train], self.target[train])
        scored, held_out = (self._probability(pipeline, of) for of in (rows, self.cut.held_out))
        return score(1.0, self.target[rows], scored, time.process_time() - began), held_out

    def _probability(self, pipeline: Any, rows: Array) -> Array:
        probability = np.full((len(rows), self.classes), LEAST)
        probability[:, pipeline.classes_] = np.maximum(pipeline.predict_proba(self.features[rows]), LEAST)
        return probability / probability.sum(axis=1, keepdims=True)


def _model(given: Configuration, rows: int, replicate: int) -> list[Any]:
    """Scaler and classifier of a configuration for so many training rows."""
    scaler = {
        "none": "passthrough",
        "standard": StandardScaler(),
        "minmax": MinMaxScaler(),
        "quantile": QuantileTransformer(n_quantiles=min(rows, QUANTILES)),
    }[given["scaling"]]
    if given["family"] == "logistic":
        return [scaler, LogisticRegression(C=given["logistic_c"], max_iter=STEPS)]
    if given["family"] == "kernel":
        kernel = Nystroem(gamma=given["kernel_gamma"], n_components=min(rows, LANDMARKS), random_state=replicate)
        return [scaler, kernel, LogisticRegression(C=given["kernel_c"], max_iter=STEPS)]
    if given["family"] == "neighbours":
        count, weights = min(given["neighbours"], rows), given["neighbours_weights"]
        return [scaler, KNeighborsClassifier(count, weights=weights, p=given["neighbours_power"])]
    if given["family"] == "forest":
        forest = {"random": RandomForestClassifier, "extra": ExtraTreesClassifier}[given["forest_kind"]]
        told = {name: given[f"forest_{name}"] for name in ("criterion", "features", "leaf")}
        return [
            scaler,
            forest(
                TREES,
                criterion=told["criterion"],
                max_features=told["features"],
                min_samples_leaf=told["leaf"],
                random_state=replicate,
            ),
        ]
    return [scaler, QuadraticDiscriminantAnalysis(reg_param=given["quadratic_shrinkage"])]
