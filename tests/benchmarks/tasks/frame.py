"""A table as the benchmark keeps it: columns of numbers or of text, the class as text, a digest of the content.

Missing values stay missing. The digest is taken over names, kinds and values, so that it does not change with the release of Parquet's writer.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd

TARGET = "target"
ROWS = 1000  #: larger tables are cut to a stratified sample of this size
SAMPLE_SEED = 0


def plain(frame: pd.DataFrame, target: str) -> pd.DataFrame:
    """Numbers and booleans as float64, all else as text, the class as text in a last column ``target``. Rows without a class are left out."""
    known = frame[frame[target].notna()].reset_index(drop=True)
    classes = known[target].map(str).astype(object)
    return tidy(known.drop(columns=[target])).assign(**{TARGET: classes})


def tidy(frame: pd.DataFrame) -> pd.DataFrame:
    """Every column as float64 or as text, its name as text."""
    return pd.DataFrame({str(name): _tidy(column) for name, column in frame.items()})


def _tidy(column: pd.Series) -> pd.Series:
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return column.astype(np.float64)
    return column.astype(object).where(column.notna(), None).map(lambda value: None if value is None else str(value))


def sample(frame: pd.DataFrame) -> pd.DataFrame:
    """At most ROWS rows, the same for everybody; classes keep their shares."""
    from sklearn.model_selection import train_test_split

    if len(frame) <= ROWS:
        return frame
    rows, _ = train_test_split(np.arange(len(frame)), train_size=ROWS, stratify=frame[TARGET], random_state=SAMPLE_SEED)
    return frame.iloc[np.sort(rows)].reset_index(drop=True)


def digest(frame: pd.DataFrame) -> str:
    """SHA-256 of the content of a `plain` frame."""
    content = hashlib.sha256()
    for name, column in frame.items():
        numbers = column.dtype == np.float64
        content.update(json.dumps([name, "number" if numbers else "text", len(column)]).encode())
        content.update(_bytes(column) if numbers else json.dumps([_text(value) for value in column]).encode())
    return content.hexdigest()


def _bytes(column: pd.Series) -> bytes:
    values = column.to_numpy(dtype="<f8") + 0.0
    return np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
