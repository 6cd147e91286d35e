"""Boosted trees on tables.

One booster a fold, trained on the fold's training part only. With early stopping a tenth of that part decides when to
stop; the scored part is never seen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArtifactCorrupt, InputError
from ..space import Configuration, Value
from ..study import Data, Study, XGBoostTrial
from . import artifact, device, metrics
from .artifact import Manifest
from .metrics import Array, check_objective
from .runner import TrialFailed
from .split import Rows, parts, watch_rows
from .table import Table, load_table

KIND = "xgboost"
DEFAULT_ROUNDS = 100  #: what XGBClassifier calls n_estimators


def train(study: Study, configuration: Configuration, seed: int, output: Path) -> bool:
    """Train one booster a fold into ``output``; returns True when a GPU was used.

    Raises:
        DataInvalid: the table cannot be trained on.
        InputError: the objective does not fit the task.
        TrialFailed: XGBoost refuses a value, or runs out of memory.
    """
    import xgboost

    trial, data = _parts(study)
    table = load_table(data)
    check_objective(study.objective, table.task)
    where = device.choose(trial.device, built=bool(xgboost.build_info().get("USE_CUDA")))
    parameters = {**_settings(table, trial, seed, where), **trial.fixed, **configuration}
    rounds = int(parameters.pop("n_estimators", DEFAULT_ROUNDS))
    files = {}
    for fold, part in enumerate(parts(data, table.target, stratified=table.classes is not None)):
        try:
            booster = _boost(table, part.train, parameters, rounds, trial)
        except (xgboost.core.XGBoostError, ValueError, TypeError) as error:
            raise TrialFailed(f"XGBoost: {_first_line(error)}") from error
        path = output / f"fold-{fold}.ubj"
        booster.save_model(path)
        files[path.name] = artifact.file_digest(path)
    artifact.write(
        output,
        Manifest(
            kind=KIND,
            task=table.task,
            classes=table.classes,
            features=_describe(table),
            trained={"configuration": configuration, "seed": seed},
            files=files,
        ),
    )
    return where == "cuda"


def evaluate(study: Study, configuration: Configuration, model: Path, seed: int) -> dict[str, float]:
    """Mean over folds of every metric that applies, on the parts that training has not seen.

    Raises:
        ArtifactCorrupt: a file of the model is damaged, or belongs to other data.
        SchemaUnknown: the model was written by another trainer or release.
        DataInvalid: the table has changed.
    """
    import xgboost

    trial, data = _parts(study)
    manifest = artifact.read(model, KIND, configuration, seed)
    table = load_table(data)
    folds = parts(data, table.target, stratified=table.classes is not None)
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
        scores.append(_score(table, part.score, booster.predict(_matrix(table, part.score, trial.threads))))
    return metrics.mean(scores)


def _parts(study: Study) -> tuple[XGBoostTrial, Data]:
    if not isinstance(study.trial, XGBoostTrial) or study.data is None:
        raise InputError(f"trial.kind: must be xgboost with data, got {study.trial.kind}")
    return study.trial, study.data


def _settings(table: Table, trial: XGBoostTrial, seed: int, where: str) -> dict[str, Value]:
    settings: dict[str, Value] = {"device": where, "nthread": trial.threads, "seed": seed % 2**31, "verbosity": 1}
    if table.classes is None:
        return {**settings, "objective": "reg:squarederror"}
    if len(table.classes) == 2:
        return {**settings, "objective": "binary:logistic"}
    return {**settings, "objective": "multi:softprob", "num_class": len(table.classes)}


def _boost(table: Table, rows: Rows, parameters: dict[str, Value], rounds: int, trial: XGBoostTrial) -> Any:
    import xgboost

    if trial.early_stopping_rounds is None:
        return xgboost.train(parameters, _matrix(table, rows, trial.threads), num_boost_round=rounds)
    part = watch_rows(rows)
    booster = xgboost.train(
        parameters,
        _matrix(table, part.train, trial.threads),
        num_boost_round=rounds,
        evals=[(_matrix(table, part.score, trial.threads), "watched")],
        early_stopping_rounds=trial.early_stopping_rounds,
        verbose_eval=False,
    )
    return booster[: booster.best_iteration + 1]


def _matrix(table: Table, rows: Rows, threads: int) -> Any:
    import xgboost

    return xgboost.DMatrix(
        table.features.iloc[rows], label=table.target[rows], enable_categorical=True, nthread=threads
    )


def _score(table: Table, rows: Rows, predicted: Array) -> dict[str, float]:
    target = table.target[rows]
    if table.classes is None:
        return metrics.regression(target, predicted)
    return metrics.classification(
        target, np.column_stack([1 - predicted, predicted]) if predicted.ndim == 1 else predicted
    )


def _describe(table: Table) -> str:
    return artifact.digest([[str(name), str(column.dtype.name)] for name, column in table.features.items()])


def _first_line(error: Exception) -> str:
    """XGBoost's message without its stack trace and time."""
    return str(error).strip().split("\n")[0].split("] ", 1)[-1][:300]
