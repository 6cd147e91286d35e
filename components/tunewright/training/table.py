"""Tables: features, target and classes of a CSV, TSV, Parquet or NPZ file, or of one of scikit-learn's own sets.

``N`` rows, ``K`` classes. Columns of text become pandas categories; where all of it is dates by ISO 8601, seconds from the first. Missing values,
in text files "?" too, stay missing, which XGBoost learns from.
"""

from __future__ import annotations

import re
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import DataInvalid
from ..study import Data
from .data import sklearn_name

if TYPE_CHECKING:
    import pandas as pd

LARGEST = float(np.finfo(np.float32).max)  #: that XGBoost takes; what is larger is missing
MAX_CLASSES = 20  #: of numbers; a target with more distinct ones is a regression unless the study says otherwise
NEARLY = 0.8  #: share of numbers from which a column of text was hardly meant to be one
DATE = r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"  #: ISO 8601, as text
MISSING = ["?"]  #: in text files, besides what pandas takes for missing
SEPARATORS = {".csv": ",", ".tsv": "\t"}  #: between columns, by suffix
FORMATS = ".csv, .tsv (.gz too), .parquet or .npz"
Task = Literal["classification", "regression"]


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a trial trains on."""

    features: pd.DataFrame  #: N rows
    target: npt.NDArray[Any]  #: (N,) int64 class indices, or float64 values
    classes: list[str] | None  #: K labels as text in order of their index; None for a regression

    @property
    def task(self) -> Task:
        return "regression" if self.classes is None else "classification"


def load_table(data: Data) -> Table:
    """Read the study's table.

    Raises:
        DataInvalid: unreadable, empty, target absent or with missing or infinite values, or a single class.
    """
    features, target = _columns(data)
    known = _some(features.columns)
    wrong = []
    if target is None:
        name = Path(data.source).name
        wrong.append(f"data.target: must be a column of {name}, got {data.target!r}; known are {known}")
    if dropped := [name for name in data.drop if name not in features.columns]:
        wrong.append(f"data.drop: must name columns of the table, got {', '.join(dropped)}; known are {known}")
    if target is None or wrong:
        raise DataInvalid(*wrong)
    features = features.drop(columns=data.drop)
    if features.shape[0] == 0 or features.shape[1] == 0:
        raise DataInvalid(
            f"data.source: needs rows and columns to learn from, got a table of shape {features.shape}; check the file"
        )
    values, classes = encode_target(target, data.task)
    return Table(features=_prepare(features), target=values, classes=classes)


def _columns(data: Data) -> tuple[pd.DataFrame, pd.Series[Any] | None]:
    """Features and target, None when the table has no such column."""
    import pandas as pd

    name = sklearn_name(data)
    if name is not None:
        import sklearn.datasets

        bunch = getattr(sklearn.datasets, f"load_{name}")()
        return pd.DataFrame(bunch.data, columns=list(bunch.feature_names)), pd.Series(bunch.target, name="target")
    path = Path(data.source)
    if path.suffix.lower() == ".npz":
        x, y = load_arrays(path)
        flat = x.reshape(len(x), -1)
        return pd.DataFrame(flat, columns=[f"x{i}" for i in range(flat.shape[1])]), pd.Series(y, name="y")
    frame = read_frame(path)
    if data.target not in frame.columns:
        return frame, None
    return frame.drop(columns=[data.target]), frame[data.target]


def read_frame(path: Path) -> pd.DataFrame:
    """A table of one of `FORMATS` with text as column names. Raises DataInvalid."""
    import pandas as pd

    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    separator = SEPARATORS.get(suffix)
    if separator is None and path.suffix.lower() != ".parquet":
        raise DataInvalid(f"data.source: must end in {FORMATS}, got {path.name}; convert it")
    try:
        frame = (
            pd.read_csv(path, sep=separator, low_memory=False, na_values=MISSING)
            if separator
            else pd.read_parquet(path)
        )
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise DataInvalid(
            f"data.source: must be UTF-8, got byte {byte:#04x} in {path.name}; save it as UTF-8"
        ) from error
    except (OSError, EOFError, zlib.error, ValueError) as error:  # pandas' and pyarrow's own errors are ValueErrors
        raise DataInvalid(
            f"data.source: must be a readable {suffix[1:]} file, got {path} ({str(error)[:200]})"
        ) from error
    if separator and len(frame) and frame.iloc[:, -1].isna().all() and _moved(frame, path, separator):
        raise DataInvalid(
            f"data.source: rows of {path.name} must have as many values as its first line has names, got {separator!r} at their ends; "
            "take it away, or add a name to the first line"
        )
    frame.columns = frame.columns.map(str)
    objects = {name: column for name, column in frame.items() if column.dtype == object}
    kinds = {name: pd.api.types.infer_dtype(column, skipna=True) for name, column in objects.items()}
    frame = frame.astype({name: "float64" for name, kind in kinds.items() if kind == "decimal"})
    for name in (name for name, kind in kinds.items() if kind == "date"):
        frame[name] = pd.to_datetime(frame[name], errors="coerce")
    other = re.search(r"[;,\t|]", frame.columns[0]) if separator and len(frame.columns) == 1 else None
    if other:
        raise DataInvalid(
            f"data.source: columns of a {suffix} file must be separated by {separator!r}, got {other[0]!r} in {path.name}; convert it"
        )
    return frame


def _moved(frame: pd.DataFrame, path: Path, separator: str) -> bool:
    """Whether pandas took the first value of every row for its name, as R writes them, because there is one more than names."""
    import pandas as pd

    with warnings.catch_warnings(action="ignore", category=pd.errors.ParserWarning):
        first = pd.read_csv(path, sep=separator, usecols=[0], index_col=False, na_values=MISSING)
    return not first.iloc[:, 0].equals(frame.iloc[:, 0])


def load_arrays(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Arrays ``x`` and ``y`` of an NPZ file, with equally many rows and no objects. Raises DataInvalid."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if not {"x", "y"} <= set(arrays.files):
                raise DataInvalid(
                    f"data.source: {path.name} needs arrays x and y, got {_some(arrays.files)}; save them with np.savez"
                )
            x, y = arrays["x"], arrays["y"]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise DataInvalid(
            f"data.source: must be a readable .npz file of plain arrays, got {path} ({str(error)[:200]})"
        ) from error
    if x.ndim < 2 or y.ndim != 1 or len(x) != len(y) or len(x) == 0:
        raise DataInvalid(
            f"data.source: {path.name} needs x (N, ...) and y (N,) with N > 0, got shapes {x.shape} and {y.shape}"
        )
    return x, y


def encode_target(
    target: pd.Series[Any], task: Literal["auto", "classification", "regression"]
) -> tuple[npt.NDArray[Any], list[str] | None]:
    """Class indices and labels, or values and None.

    Raises:
        DataInvalid: values are missing or infinite, a regression target is text, or there is a single class.
    """
    import pandas as pd

    missing = int(target.isna().sum())
    if missing:
        raise DataInvalid(
            f"data.target: {target.name} must have a value in every row, got {missing} missing; drop those rows, or, where it is a class, "
            "spell it otherwise (text files read NA, None, null, nan and ? as missing)"
        )
    if strange := odd(target):
        raise DataInvalid(f"data.target: {target.name} must hold numbers or text, got {strange}; choose another target")
    is_number = pd.api.types.is_numeric_dtype(target)
    if task == "regression" or (task == "auto" and is_number and target.nunique() > MAX_CLASSES):
        values = pd.to_numeric(target, errors="coerce").to_numpy(dtype=np.float64)
        wrong = int((~(np.abs(values) <= LARGEST)).sum())
        if wrong:
            raise DataInvalid(
                f"data.target: {target.name} must be numbers of at most {LARGEST:.1e} for a regression, got {wrong} rows that are not; "
                "drop them"
            )
        return values, None
    labels = sorted(target.unique().tolist(), key=lambda label: (isinstance(label, str), label))
    if len(labels) < 2:
        raise DataInvalid(
            f"data.target: {target.name} needs at least 2 classes, got only {labels[0]!r}; choose another target"
        )
    index = {label: i for i, label in enumerate(labels)}
    return np.array([index[label] for label in target.tolist()], dtype=np.int64), [str(label) for label in labels]


def _prepare(features: pd.DataFrame) -> pd.DataFrame:
    """Columns as XGBoost takes them: numbers and booleans as they are, dates as seconds, all else as categories; what XGBoost has no room for is
    missing."""
    import pandas as pd

    wrong = [
        f"data.source: column {name} must hold numbers, text or dates, got {strange}; name it in data.drop or make columns of it"
        for name, column in features.items()
        if (strange := odd(column))
    ]
    if wrong:
        raise DataInvalid(*wrong)
    columns = {}
    for name, column in features.items():
        if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
            if pd.api.types.is_float_dtype(column):
                column = column.astype("float32") if column.dtype == np.float16 else column  # noqa: PLW2901 - 16 bits cannot hold LARGEST
                column = column.where(column.abs() <= LARGEST)  # noqa: PLW2901
            columns[name] = column
        elif (when := times(column)) is not None:
            # from the first: XGBoost's 32 bits tell no two minutes since 1970 apart
            columns[name] = (when - when.min()).dt.total_seconds()
        elif pd.api.types.is_timedelta64_dtype(column):
            columns[name] = column.dt.total_seconds()
        elif column.isna().all():
            columns[name] = column.astype("float64")
        else:
            columns[name] = column.astype("string").astype("category")
    return pd.DataFrame(columns).set_axis(_feature_names([str(name) for name in columns]), axis="columns")


def times(column: pd.Series[Any]) -> pd.Series[Any] | None:
    """The column as points in time; None when a value is none, or when it has no value."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        return column
    known = column.dropna()
    if not len(known) or not isinstance(known.iloc[0], str) or not re.fullmatch(DATE, known.iloc[0]):
        return None  # without a look at every value, as in `odd`
    texts = column.astype("string")
    found = pd.to_datetime(texts.where(texts.str.fullmatch(DATE)), format="ISO8601", utc=True, errors="coerce")
    return found if found.notna().equals(texts.notna()) else None


def nearly_numbers(features: pd.DataFrame) -> dict[str, str]:
    """Columns of text in which nearly all is a number, and a value that is none: what it is spoils the column, which becomes categories."""
    import pandas as pd

    found = {}
    for name, column in features.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            numbers = pd.to_numeric(column.astype("string"), errors="coerce")
            other = column[numbers.isna() & column.notna()]
            if len(other) and numbers.notna().sum() >= NEARLY * column.notna().sum():
                found[str(name)] = str(other.iloc[0])
    return found


def odd(column: pd.Series[Any]) -> str | None:
    """The type of a value that is neither a number nor text nor a date, None when there is none."""
    import pandas as pd

    if column.dtype != object or pd.api.types.infer_dtype(column, skipna=True) == "string":
        return None  # without a look at every value, which large tables would pay in every trial
    for value in column:
        if isinstance(value, list | tuple | dict | set | np.ndarray):
            return type(value).__name__
        if isinstance(value, bytes) and not _is_text(value):
            return "bytes that are not UTF-8"
    return None


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _feature_names(names: list[str]) -> list[str]:
    """Column names without the characters that XGBoost refuses; what is equal then is numbered."""
    made: list[str] = []
    for name in names:
        plain = name.translate(str.maketrans("[]<", "()("))
        numbered = (f"{plain}_{number}" for number in count(2))
        made.append(next(each for each in chain([plain], numbered) if each not in made))
    return made


def _some(names: Any) -> str:
    shown = [str(name) for name in names]
    return ", ".join(shown[:20]) + (f" and {len(shown) - 20} more" if len(shown) > 20 else "") if shown else "none"
