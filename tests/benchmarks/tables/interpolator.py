"""A table as an objective function: real runs, interpolated by extremely randomised trees, noise kept.

Trees, because the agent's own reward models are a Gaussian process and neural networks, and an interpolator of the same kind would flatter
them. The noise is that of repeated real runs; it belongs to the configuration, so that asking twice answers twice the same, as training does.

Notation: ``N`` runs, ``F`` features, ``M`` measured values; ``inputs: (N, F)``, ``outputs: (N, M)``.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import ExtraTreesRegressor
from tests.benchmarks.evaluation.trial import SHARES, Answer, Score, valid_rows
from tests.benchmarks.tables import store
from tests.benchmarks.tables.feasible import infeasible
from tests.benchmarks.tasks.listing import Task

from tunewright.space import Configuration

Array = npt.NDArray[np.float64]

VERSION = 1  #: of the interpolation; another one is another objective function
TREES = 100
LEAF = 2  #: least runs in a leaf
LOG = ("log_loss", "seconds", "total_seconds", "held_out_log_loss")  #: measures that are interpolated as logarithms
LEAST = 1e-6  #: smaller values count as this before the logarithm


LEAST_RUNS = 20  #: of different configurations that a table needs


def usable(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs that have a score, and those of them that are the first of their configuration."""
    runs = table[table["accuracy_0"].notna()]
    return runs, runs[runs["replicate"] == 0]


class Interpolator:
    """Answers like a real evaluation, in a hundredth of a second. Fitted when it is made; the same table gives the same function.

    Raises:
        ValueError: the table has too few runs.
    """

    def __init__(self, task: Task, table: pd.DataFrame | None = None) -> None:
        runs, once = usable(store.read(task) if table is None else table)
        if len(once) < LEAST_RUNS:
            raise ValueError(f"{task.name}: a table needs at least {LEAST_RUNS} runs, got {len(once)}; grow it")
        self.task, self.runs = task, len(once)
        self.outputs = _transformed(runs)
        self.noise = _noise(runs, self.outputs)
        first = (runs["replicate"] == 0).to_numpy()
        self.trees = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF, random_state=0, n_jobs=1)
        values = self.outputs[first]
        self.center, self.scale = values.mean(axis=0), np.where(values.std(axis=0) > 0, values.std(axis=0), 1.0)
        self.trees.fit(
            features(store.numbers(task, store.configurations(task, once))), (values - self.center) / self.scale
        )

    def __call__(self, configuration: Configuration) -> Answer:
        reason = infeasible(self.task, configuration)
        if reason:
            return Answer(curve=(), held_out_accuracy=None, held_out_log_loss=None, seconds=0.0, reason=reason)
        mean = self.trees.predict(features(store.numbers(self.task, [configuration])))[0] * self.scale + self.center
        noisy = mean + self.noise * np.random.default_rng(_seed(configuration)).normal(size=len(mean))
        values = dict(zip(store.SCORES, _restored(noisy).tolist(), strict=True))
        rows = valid_rows(self.task)
        curve = tuple(
            Score(
                share=share,
                accuracy=round(min(max(values[f"accuracy_{place}"], 0.0), 1.0) * rows) / rows,
                log_loss=values[f"log_loss_{place}"],
                seconds=values[f"seconds_{place}"],
            )
            for place, share in enumerate(SHARES)
        )
        return Answer(
            curve=curve,
            held_out_accuracy=min(max(values["held_out_accuracy"], 0.0), 1.0),
            held_out_log_loss=values["held_out_log_loss"],
            seconds=values["total_seconds"],
            expected=float(mean[store.SCORES.index(f"accuracy_{store.FINAL}")]),
        )


def features(parameters: pd.DataFrame) -> Array:
    """The parameters, and what is known of how they act together on boosted trees: the distance walked, rows and columns a tree sees."""
    raw = parameters.to_numpy(dtype=np.float64)
    if "n_estimators" not in parameters.columns:
        return np.column_stack([raw, np.log(parameters["learning_rate"])])
    rate, rounds = (parameters[name].to_numpy(dtype=np.float64) for name in ("learning_rate", "n_estimators"))
    rows, weight = (parameters[name].to_numpy(dtype=np.float64) for name in ("subsample", "min_child_weight"))
    columns = (parameters["colsample_bytree"] * parameters["colsample_bylevel"]).to_numpy(dtype=np.float64)
    return np.column_stack([raw, np.log(rate), np.log(rounds), np.log(rate * rounds), weight / rows, columns])


def _logarithmic() -> npt.NDArray[np.bool_]:
    return np.array([name.startswith(LOG) for name in store.SCORES])


def _transformed(runs: pd.DataFrame) -> Array:
    values = runs[store.SCORES].to_numpy(dtype=np.float64)
    values = np.where(np.isnan(values), 0.0, values)  # a task without held-out rows
    return np.where(_logarithmic(), np.log(np.maximum(values, LEAST)), values)


def _restored(values: Array) -> Array:
    return np.where(_logarithmic(), np.exp(np.where(_logarithmic(), values, 0.0)), values)


def _noise(runs: pd.DataFrame, outputs: Array) -> Array:
    """Standard deviation ``(M,)`` of repeated runs of a configuration; times are without."""
    place = {key: row for row, key in enumerate(zip(runs["index"], runs["replicate"], strict=True))}
    pairs = [
        (row, place[index, 1]) for (index, replicate), row in place.items() if not replicate and (index, 1) in place
    ]
    if not pairs:
        return np.zeros(outputs.shape[1])
    first, again = (outputs[list(rows)] for rows in zip(*pairs, strict=True))
    timed = np.array(["seconds" in name for name in store.SCORES])
    return np.where(timed, 0.0, np.sqrt(((first - again) ** 2).mean(axis=0) / 2))


def _seed(configuration: Configuration) -> int:
    return int.from_bytes(hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).digest()[:8], "little")


def quality(task: Task, table: pd.DataFrame) -> dict[str, Any]:
    """How well a table is interpolated: five-fold prediction of the accuracy against real runs, beside spread and noise."""
    from scipy.stats import spearmanr
    from sklearn.model_selection import KFold, cross_val_predict

    once = table[(table["replicate"] == 0) & table["accuracy_0"].notna()]
    target = once[f"accuracy_{store.FINAL}"].to_numpy(dtype=np.float64)
    trees = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF, random_state=0)
    inputs = features(store.numbers(task, store.configurations(task, once)))
    predicted = cross_val_predict(trees, inputs, target, cv=KFold(5, shuffle=True, random_state=0))
    varies = target.std() > 0
    return {
        "task": task.name,
        "runs": len(once),
        "best": float(target.max()),
        "median": float(np.median(target)),
        "spread": float(target.std()),
        "noise": float(Interpolator(task, table).noise[store.SCORES.index(f"accuracy_{store.FINAL}")]),
        "error": float(np.sqrt(np.mean((predicted - target) ** 2))),
        "rank_correlation": float(spearmanr(predicted, target).statistic) if varies and np.ptp(predicted) > 0 else None,
    }
