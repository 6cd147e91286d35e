"""A first study for a table: what `tunewright init` writes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataInvalid
from ..schema import DIRECTORY
from ..study import Data, HoldOut, KFold
from ..study_file import quoted
from .split import parts
from .table import Table, load_table, odd, read_frame, times

if TYPE_CHECKING:
    import pandas as pd

TARGET_NAMES = ("target", "class", "label", "y")
HELD_OUT = 0.25  #: share of a large table that scores
FEW_ROWS = 2000  #: below this, scores of a single hold-out are too noisy to compare trials
RARE = 0.1  #: with a class below this share, accuracy rewards ignoring it


def draft_study(csv: Path, target: str | None, name: str, *, relative_to: Path | None = None) -> str:
    """A commented study file for a CSV, TSV or Parquet table: XGBoost over a broad space, its own defaults first.

    Args:
        csv: the table; written into the study as given, or from the study's folder.
        target: column to predict; None takes one named target, class, label or y, or else the last.
        name: of the study.
        relative_to: folder that the study file will lie in.

    Raises:
        DataInvalid: the table cannot be read or trained on.
    """
    frame = read_frame(csv)
    if len(frame.columns) < 2:
        raise DataInvalid(
            f"data.source: {csv.name} needs a target and at least one other column, got {len(frame.columns)}"
        )
    column = target if target is not None else _guess(list(frame.columns))
    drop = [name for name in frame.columns if name != column and _identifies(frame[name], name)]
    table = load_table(Data(source=str(csv), target=column, drop=drop))
    metric, direction, why = _metric(table)
    validation = _validation(table)
    parts(Data(source=str(csv), validation=validation), table.target, table.classes)
    return _TEMPLATE.format(
        schema=(DIRECTORY / "study.schema.json").as_uri(),
        name=quoted(name),
        rows=len(frame),
        columns=len(table.features.columns),
        metric=metric,
        direction=direction,
        why=why,
        source=quoted(_seen_from(csv, relative_to)),
        target=quoted(column),
        guessed="" if target is not None else "  # guessed: check it",
        drop=quoted(drop),
        task=table.task,
        validation=json.dumps(validation.model_dump()).replace('"', ""),
    )


def _validation(table: Table) -> KFold | HoldOut:
    """Five folds of a small table, fewer where its rarest class has fewer rows; a part held out of a large one."""
    rarest = len(table.target) if table.classes is None else int(np.bincount(table.target).min())
    if len(table.target) >= FEW_ROWS and rarest * HELD_OUT >= 1:  # of every class a row scores
        return HoldOut(holdout=HELD_OUT)
    return KFold(folds=max(2, min(5, rarest)))


def _seen_from(path: Path, folder: Path | None) -> str:
    if folder is None or path.is_absolute():
        return path.as_posix()
    return Path(os.path.relpath(path.parent.resolve() / path.name, folder.resolve())).as_posix()


def _guess(columns: list[str]) -> str:
    named = [column for column in columns if column.lower() in TARGET_NAMES]
    return named[0] if named else columns[-1]


def _identifies(column: pd.Series, name: str) -> bool:
    """True for a column that names its row: different everywhere, and text, or called an id, or the rows' own numbers."""
    if odd(column):  # nothing that a model could read
        return True
    if len(column) < 20 or column.nunique() < len(column):
        return False
    if column.dtype.kind in "iu" and int(column.max()) - int(column.min()) == len(column) - 1:
        return True  # such as pandas' index: in a sorted table it tells the target
    readable = column.dtype.kind in "biufM" or times(column) is not None
    return not readable or name.lower() == "id" or name.lower().endswith(("_id", "id_"))


def _metric(table: Table) -> tuple[str, str, str]:
    if table.classes is None:
        return "rmse", "minimize", "root mean squared error; also mae, r2"
    shares = np.bincount(table.target) / len(table.target)
    if shares.min() < RARE:
        return (
            "roc_auc",
            "maximize",
            f"the rarest class is {shares.min():.1%} of the rows; also f1 (mean over the classes), log_loss, accuracy",
        )
    return "accuracy", "maximize", "also f1 (mean over the classes), log_loss, roc_auc"


_TEMPLATE = """\
# yaml-language-server: $schema={schema}
# A study: what is searched, for what, on what data. `tunewright validate` checks it, `tunewright run` runs it.
name: {name}  # lower-case letters, digits and hyphens; with other data or another space, take another name
description: ""

# Hyperparameters: float, int, categorical, ordinal or bool. `scale: log` for what matters by its order of magnitude.
# The defaults make the first trial; they are XGBoost's own.
space:
  learning_rate: {{type: float, low: 0.01, high: 1.0, scale: log, default: 0.3}}
  max_depth: {{type: int, low: 1, high: 12, default: 6}}
  n_estimators: {{type: int, low: 20, high: 1000, scale: log, default: 100}}
  min_child_weight: {{type: float, low: 0.1, high: 10.0, scale: log, default: 1.0}}
  subsample: {{type: float, low: 0.5, high: 1.0, default: 1.0}}
  colsample_bytree: {{type: float, low: 0.3, high: 1.0, default: 1.0}}
  reg_alpha: {{type: float, low: 0.0, high: 2.0, default: 0.0}}
  reg_lambda: {{type: float, low: 0.1, high: 10.0, scale: log, default: 1.0}}

objective:
  metric: {metric}  # {why}
  direction: {direction}

budget:
  trials: 50  # of one session; the next session goes on from there
  parallel_trials: 2  # side by side in one round
  # wall_time: 1h  # no round begins later than this

trial:
  kind: xgboost
  # early_stopping_rounds: 20  # a tenth of the training part decides when to stop boosting
  threads: 1
  limits: {{time: 10m}}  # a trial that takes longer is FAILED

data:
  source: {source}  # {rows} rows, {columns} columns to learn from; the path is relative to this file
  target: {target}{guessed}
  drop: {drop}  # columns to leave out: identifiers, leaks
  task: {task}
  validation: {validation}  # {{folds: k}}, or {{holdout: share}} which costs 1/k of it
"""
