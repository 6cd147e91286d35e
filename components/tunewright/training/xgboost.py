"""Boosted trees on tables.

One booster a fold, trained on the fold's training part only; all folds grow together. With early stopping a tenth of that part decides when to
stop; the scored part is never seen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArtifactCorrupt, InputError
from ..space import Configuration, Value
from ..study import Data, Study, XGBoostTrial
from . import artifact, checkpoint, device, metrics
from .artifact import Manifest
from .domains import ROUNDS
from .metrics import Array, check_objective
from .runner import TrialFailed
from .split import Part, Rows, parts, watch_rows
from .table import Table, load_table

if TYPE_CHECKING:
    from .boosting import Fold

KIND = "xgboost"
DEFAULT_ROUNDS = 100  #: what XGBClassifier calls n_estimators


def train(study: Study, configuration: Configuration, seed: int, output: Path, stream: Path, checkpoints: Path) -> None:
    """Train one booster a fold into ``output``.

    Args:
        stream: file of learning curve, a line a point is added.
        checkpoints: folder of the checkpoint, which is resumed if it is one of this configuration, seed and data.

    Raises:
        DataInvalid: the table cannot be trained on.
        InputError: the objective does not fit the task.
        TrialFailed: XGBoost refuses a value, or runs out of memory; it would grow no tree; what it predicts can be scored as no class.
    """
    import xgboost

    trial, data = _parts(study)
    table = load_table(data)
    check_objective(study.objective, table.task)
    given = {**trial.fixed, **configuration}
    exact = given.get("tree_method") == "exact"  # no GPU grows such trees
    wanted = "cpu" if exact and trial.device == "auto" else trial.device
    where = device.choose(wanted, built=bool(xgboost.build_info().get("USE_CUDA")))
    device.note(where, output)
    parameters = {**_settings(table, trial, seed, where), **given}
    rounds = _rounds(parameters.pop("n_estimators", DEFAULT_ROUNDS))
    trained = {"configuration": configuration, "seed": seed}
    owner = artifact.digest(
        [trained, parameters, rounds, trial.early_stopping_rounds, _describe(table), len(table.target)]
    )
    split = parts(data, table.target, table.classes)
    try:
        curve = _Curve(table, split, study.objective.metric, trial.threads, stream)
        boosters = _boost(table, split, parameters, rounds, trial, curve, checkpoints, owner)
    except (xgboost.core.XGBoostError, ValueError, TypeError) as error:
        raise TrialFailed(f"XGBoost: {_first_line(error)}") from error
    _write(output, table, boosters, trained)


def _rounds(value: Value) -> int:
    if value not in ROUNDS:
        raise TrialFailed(f"n_estimators {ROUNDS.refusal(value)}")
    return int(value)


def _write(output: Path, table: Table, boosters: list[Any], trained: dict[str, Any]) -> None:
    files = {}
    for fold, booster in enumerate(boosters):
        path = output / f"fold-{fold}.ubj"
        path.write_bytes(booster.save_raw("ubj"))  # save_model does not say when the disk is full
        files[path.name] = artifact.file_digest(path)
    artifact.write(
        output,
        Manifest(
            kind=KIND, task=table.task, classes=table.classes, features=_describe(table), trained=trained, files=files
        ),
    )


def evaluate(study: Study, configuration: Configuration, model: Path, seed: int) -> dict[str, float]:
    """Mean over folds of every metric that applies, on the parts that training has not seen.

    Raises:
        ArtifactCorrupt: a file of the model is damaged, or belongs to other data.
        SchemaUnknown: the model was written by another trainer or release.
        DataInvalid: the table has changed.
        TrialFailed: what the model predicts can be scored as no class.
    """
    import xgboost

    trial, data = _parts(study)
    manifest = artifact.read(model, KIND, configuration, seed)
    table = load_table(data)
    folds = parts(data, table.target, table.classes)
    if (manifest.features, manifest.classes, len(manifest.files)) != (_describe(table), table.classes, len(folds)):
        raise ArtifactCorrupt(
            f"{model}: must be trained on columns, classes and folds of {data.source}, got others; train it again"
        )
    scores = []
    for name, part in zip(manifest.files, folds, strict=True):
        booster = xgboost.Booster(params={"nthread": trial.threads})
        try:
            booster.load_model(model / name)
        except (xgboost.core.XGBoostError, ValueError) as error:
            raise ArtifactCorrupt(
                f"{model / name}: must be an XGBoost model, got {_first_line(error)}; train the trial again"
            ) from error
        scores.append(_score(table, part.score, booster, _matrix(table, part.score, trial.threads)))
    return metrics.mean(scores)


def _parts(study: Study) -> tuple[XGBoostTrial, Data]:
    if not isinstance(study.trial, XGBoostTrial) or study.data is None:
        raise InputError(f"trial.kind: must be xgboost with data, got {study.trial.kind}")
    return study.trial, study.data


def _settings(table: Table, trial: XGBoostTrial, seed: int, where: str) -> dict[str, Value]:
    settings: dict[str, Value] = {
        "device": where,
        "nthread": trial.threads,
        "seed": seed % 2**31,
        "seed_per_iteration": True,  # see boosting.py
        "verbosity": 1,
    }
    if table.classes is None:
        return {**settings, "objective": "reg:squarederror"}
    if len(table.classes) == 2:
        return {**settings, "objective": "binary:logistic"}
    return {**settings, "objective": "multi:softprob", "num_class": len(table.classes)}


class _Curve:
    """Writes the objective's metric, mean over the scored parts, a line a point."""

    def __init__(self, table: Table, split: list[Part], metric: str, threads: int, stream: Path) -> None:
        self._table, self._split, self._metric, self._stream = table, split, metric, stream
        self._matrices = [_matrix(table, part.score, threads) for part in split]

    def add(self, step: int, boosters: list[Any]) -> None:
        scores = [
            _score(self._table, part.score, booster, matrix, (self._metric,))
            for booster, part, matrix in zip(boosters, self._split, self._matrices, strict=True)
        ]
        with self._stream.open("a") as stream:
            stream.write(json.dumps({"step": step, **metrics.mean(scores)}) + "\n")


def _boost(
    table: Table,
    split: list[Part],
    parameters: dict[str, Value],
    rounds: int,
    trial: XGBoostTrial,
    curve: _Curve,
    checkpoints: Path,
    owner: str,
) -> list[Any]:
    """The boosters of all folds."""
    from .boosting import boost

    folds = [_fold(table, part.train, trial) for part in split]
    saved = checkpoint.read(checkpoints, owner)
    for step in boost(folds, parameters, rounds, saved=saved, save=checkpoint.Keeper(checkpoints, owner).save):
        curve.add(step, [fold.booster for fold in folds])
    return [fold.finished() for fold in folds]


def _fold(table: Table, rows: Rows, trial: XGBoostTrial) -> Fold:
    from .boosting import Fold

    if trial.early_stopping_rounds is None:
        return Fold(make=partial(_matrix, table, rows, trial.threads), watched=None, patience=0)
    part = watch_rows(rows, None if table.classes is None else table.target[rows])
    return Fold(
        make=partial(_matrix, table, part.train, trial.threads),
        watched=_matrix(table, part.score, trial.threads),
        patience=trial.early_stopping_rounds,
    )


def _matrix(table: Table, rows: Rows, threads: int) -> Any:
    import xgboost

    return xgboost.DMatrix(
        table.features.iloc[rows], label=table.target[rows], enable_categorical=True, nthread=threads
    )


def _score(table: Table, rows: Rows, booster: Any, matrix: Any, names: Sequence[str] | None = None) -> dict[str, float]:
    """All metrics of the task that apply, or those ``names``. Raises TrialFailed."""
    target, predicted = table.target[rows], booster.predict(matrix)
    if table.classes is None:
        return metrics.regression(target, predicted, names)
    return metrics.classification(target, _probability(booster, predicted, len(table.classes)), names)


def _probability(booster: Any, predicted: Array, classes: int) -> Array:
    """Probabilities ``(N, K)`` from what the booster's objective predicts.

    That is they themselves, the class ``(N,)`` of `multi:softmax`, or for two classes the second's probability or logit ``(N,)``.
    """
    if predicted.ndim == 2:
        return predicted
    if classes > 2:
        return np.asarray(predicted[:, None] == np.arange(classes), dtype=float)
    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    second = 1 / (1 + np.exp(-predicted.astype(float))) if objective == "binary:logitraw" else predicted
    if not ((second >= 0) & (second <= 1)).all():
        raise TrialFailed(
            f"for two classes the objective {objective} must predict values from 0 to 1, got {second.min():g} to {second.max():g}; "
            "use binary:logistic"
        )
    return np.column_stack([1 - second, second])


def _describe(table: Table) -> str:
    return artifact.digest([[str(name), str(column.dtype.name)] for name, column in table.features.items()])


def _first_line(error: Exception) -> str:
    """XGBoost's message without its stack trace and time."""
    return str(error).strip().split("\n")[0].split("] ", 1)[-1][:300]
