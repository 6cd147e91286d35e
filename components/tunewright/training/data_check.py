"""What is wrong with the data of a study, found before the study is created: its name stays taken."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
from pydantic import ValidationError

from ..errors import DataInvalid, InputError, StoreRefused
from ..rules import Mistake
from ..study import Data, Objective, Study
from .data import identify, local
from .parameters import METRICS

if TYPE_CHECKING:
    from .images import Images
    from .table import Table

READ = ("xgboost", "cnn")  #: kinds of trial whose data is read


def check_data(study: Study) -> None:
    """Read the data and split it as a built-in trainer will, so that what is wrong with it is said before anything is written.

    A bucket's is fetched. Nothing is read for commands, nor where the trainers' libraries are not installed.

    Raises:
        DataInvalid: unreadable, nothing that can be learnt, or no metric of the data's task is asked for; every mistake that can be told.
        StoreRefused, StoreUnavailable: the bucket cannot be read.
    """
    if study.data is not None and study.trial.kind in READ and can_read():
        _check(study.data, Path.cwd(), study.trial.kind, study.objective.metric)


def data_mistakes(raw: Mapping[str, Any], base: Path, advice: list[str] | None = None) -> list[Mistake]:
    """Place and message of what `check_data` finds, in the plain data of a study that may be wrong elsewhere. Raises likewise.

    Data that is not read must be there all the same.

    Args:
        raw: the study.
        base: directory that relative paths start from.
        advice: gets what is right and seldom meant.
    """
    kind, metric = (_at(raw, *place) for place in (("trial", "kind"), ("objective", "metric")))
    data = _valid(raw.get("data"))
    whole = data is not None
    # what is wrong beside it does not hide that it is not there
    data = data or _valid({"source": _at(raw, "data", "source")})
    if data is None:
        return []
    try:
        if whole and kind in READ and can_read():
            read = _check(data, base, kind, metric)
            if advice is not None:
                advice += _advice(read)
        else:
            identify(data, base)
    except DataInvalid as error:
        return [(tuple(problem.field.split(".")), problem.message) for problem in error.problems]
    except StoreRefused:
        raise
    except (InputError, ValueError) as error:  # no address of a bucket, no path
        return [(("data", "source"), str(error))]
    return []


def _valid(raw: Any) -> Data | None:
    try:
        return Data.model_validate(raw, strict=True)
    except ValidationError:
        return None


def can_read() -> bool:
    """Whether the trainers' libraries are installed."""
    return importlib.util.find_spec("pandas") is not None


def _at(raw: Mapping[str, Any], section: str, name: str) -> Any:
    part = raw.get(section)
    return part.get(name) if isinstance(part, Mapping) else None


def _check(data: Data, base: Path, kind: Any, metric: Any) -> Table | Images:
    with tempfile.TemporaryDirectory(prefix="tunewright-") as folder:
        remote = data.source.startswith("s3://")
        read, found = _read(local(data, Path(folder)) if remote else identify(data, base), kind, metric)
    if found:
        raise DataInvalid(*found)
    return read


def _advice(read: Table | Images) -> list[str]:
    from .table import Table, nearly_numbers

    return [
        f"column {name} is nearly all numbers and becomes categories because of values such as {value!r}; leave them empty, or write them as "
        "numbers"
        for name, value in (nearly_numbers(read.features) if isinstance(read, Table) else {}).items()
    ]


def _split(data: Data, target: npt.NDArray[Any], classes: list[str] | None, metric: Any) -> None:
    """Raises DataInvalid when the data cannot be split, or when the metric cannot be computed of a part."""
    from .split import parts

    split = parts(data, target, classes)
    if classes is None or metric not in ("roc_auc", "f1"):
        return
    for part in split:
        absent = set(range(len(classes))) - set(target[part.score].tolist())
        if absent:
            raise DataInvalid(
                f"data.validation: every class must be among the rows that score for {metric}, but {classes[min(absent)]!r} is not; "
                "use folds, a larger holdout, or another metric such as log_loss"
            )


def _read(data: Data, kind: Any, metric: Any) -> tuple[Table | Images, list[str]]:
    from .images import load_images
    from .metrics import check_objective
    from .table import load_table

    read = load_images(data) if kind == "cnn" else load_table(data)
    regression = read.classes is None
    checks: list[Callable[[], object]] = [partial(_split, data, read.target, read.classes, metric)]
    if isinstance(metric, str) and metric in METRICS:
        checks.append(
            partial(check_objective, Objective(metric=metric), "regression" if regression else "classification")
        )
    found: list[str] = []
    for check in checks:
        try:
            check()
        except DataInvalid as error:
            found += error.args
    return read, found
