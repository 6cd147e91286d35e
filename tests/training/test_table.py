"""Tables become features and targets, or are refused with rule, value and remedy."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tunewright.errors import DataInvalid
from tunewright.study import Data
from tunewright.study_file import parse_study
from tunewright.training.draft import draft_study
from tunewright.training.table import Table, load_table


def table(frame: pd.DataFrame, directory: Path, suffix: str = "csv", **fields: object) -> Table:
    path = directory / f"t.{suffix}"
    frame.to_parquet(path) if suffix == "parquet" else frame.to_csv(path, index=False)
    return load_table(Data.model_validate({"source": str(path), "target": "y", **fields}))


def test_text_becomes_categories_and_missing_values_stay_missing(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.0, None, 3.0], "b": ["u", None, "v"], "c": [True, False, True], "y": ["p", "q", "p"]})
    loaded = table(frame, tmp_path)
    assert loaded.task == "classification"
    assert loaded.classes == ["p", "q"]
    assert loaded.target.tolist() == [0, 1, 0]
    assert loaded.features["a"].isna().tolist() == [False, True, False]
    assert loaded.features["b"].dtype.name == "category"
    assert loaded.features["b"].isna().tolist() == [False, True, False]
    assert loaded.features["c"].dtype == bool


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_csv_and_parquet_give_the_same_table(tmp_path: Path, suffix: str) -> None:
    loaded = table(pd.DataFrame({"a": [1, 2], "b": ["u", "v"], "y": [10, 7]}), tmp_path, suffix)
    assert loaded.features["a"].tolist() == [1, 2]
    assert loaded.features["b"].cat.codes.tolist() == [0, 1]
    assert (loaded.classes, loaded.target.tolist()) == (["7", "10"], [1, 0])


def test_npz_arrays_are_flattened_to_columns(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.arange(12).reshape(3, 2, 2), y=np.array([0, 1, 0]))
    loaded = load_table(Data(source=str(tmp_path / "t.npz")))
    assert loaded.features.shape == (3, 4)
    assert loaded.features.loc[2].tolist() == [8, 9, 10, 11]


@pytest.mark.parametrize(
    ("name", "options"),
    [("T.CSV", {}), ("t.csv.gz", {}), ("T.CSV.GZ", {"compression": "gzip"}), ("t.tsv", {"sep": "\t"}), ("t.Tsv.gz", {"sep": "\t"})],
)  # fmt: skip
def test_the_name_says_how_a_table_is_read(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    pd.DataFrame({"a": [1, 2], "y": [0, 1]}).to_csv(tmp_path / name, index=False, **options)
    assert list(load_table(Data(source=str(tmp_path / name), target="y")).features) == ["a"]


def test_a_target_of_many_numbers_is_a_regression_unless_told_otherwise(tmp_path: Path) -> None:
    many = pd.DataFrame({"a": range(50), "y": np.linspace(0, 1, 50)})
    assert table(many, tmp_path).task == "regression"
    assert table(many.assign(y=range(50)), tmp_path).task == "regression"
    assert table(many.assign(y=range(50)), tmp_path, task="classification").task == "classification"
    assert table(many.assign(y=[f"n{i}" for i in range(50)]), tmp_path).task == "classification"
    assert table(many.assign(y=[*range(20)] * 2 + [0] * 10), tmp_path).task == "classification"
    assert table(many.assign(y=[0.0, 1.0] * 25), tmp_path).task == "classification"
    assert table(many.assign(y=[0, 1] * 25), tmp_path, task="regression").task == "regression"


def test_columns_can_be_dropped(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2], "leak": [0, 1], "y": [0, 1]})
    assert list(table(frame, tmp_path, drop=["leak"]).features) == ["a"]


def test_decimals_are_numbers_and_a_column_without_a_value_is_missing(tmp_path: Path) -> None:
    prices = [Decimal(cents) / 100 for cents in range(60)]
    frame = pd.DataFrame({"price": [None, *prices[1:]], "nothing": [None] * 60, "y": prices})
    frame.to_parquet(tmp_path / "t.parquet")
    found = load_table(Data(source=str(tmp_path / "t.parquet"), target="y"))
    assert found.task == "regression"
    assert [str(kind) for kind in found.features.dtypes] == ["float64", "float64"]
    assert found.features["price"].to_list()[1:] == [float(price) for price in prices[1:]]
    assert found.features.isna().sum().to_list() == [1, 60]


@pytest.mark.parametrize(
    ("value", "told"), [([1.0, 2.0], "ndarray"), ({"a": 1}, "dict"), (b"\xff\xfe", "bytes that are not UTF-8")]
)
def test_values_of_which_a_model_can_make_nothing_are_refused_by_column(
    tmp_path: Path, value: object, told: str
) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": np.linspace(0, 1, 40), "e": [value] * 40, "y": [0, 1] * 20}).to_parquet(path)
    with pytest.raises(
        DataInvalid, match=f"column e must hold numbers, text or dates, got {told}; name it in data.drop"
    ):
        load_table(Data(source=str(path), target="y"))
    assert list(load_table(Data(source=str(path), target="y", drop=["e"])).features.columns) == ["a"]
    with pytest.raises(DataInvalid, match=f"e must hold numbers or text, got {told}; choose another target"):
        load_table(Data(source=str(path), target="e"))
    drafted = parse_study(draft_study(path, None, "odd"), "study.yaml").data
    assert drafted is not None
    assert drafted.drop == ["e"]


def test_dates_and_durations_are_numbers(tmp_path: Path) -> None:
    days = pd.date_range("2024-01-01", periods=40)
    frame = pd.DataFrame({"at": days, "day": days.date, "took": days - days[0], "y": [0, 1] * 20})
    frame.loc[3, ["at", "day", "took"]] = None
    frame.to_parquet(tmp_path / "t.parquet")
    found = load_table(Data(source=str(tmp_path / "t.parquet"), target="y")).features
    assert [str(kind) for kind in found.dtypes] == ["float64"] * 3
    assert (
        found.drop(index=3).rank() == pd.DataFrame({name: range(1, 40) for name in found}, found.index.drop(3))
    ).all(axis=None)
    assert found.isna().sum().to_list() == [1, 1, 1]


def test_features_beyond_xgboost_s_numbers_count_as_missing(tmp_path: Path) -> None:
    values = [1.0, np.inf, -np.inf, np.finfo(float).max]
    loaded = table(pd.DataFrame({"a": values, "y": [0, 1, 0, 1]}), tmp_path, "parquet")
    assert loaded.features["a"].isna().tolist() == [False, True, True, True]


def test_infinity_of_half_precision_is_missing(tmp_path: Path) -> None:
    x = np.array([[1.0], [np.inf], [60000.0]], dtype=np.float16)
    np.savez(tmp_path / "t.npz", x=x, y=[0, 1, 0])
    column = load_table(Data(source=str(tmp_path / "t.npz"))).features["x0"]
    assert column.isna().tolist() == [False, True, False]
    assert column[2] == 60000.0


def test_times_are_told_apart_by_xgboost_s_32_bits(tmp_path: Path) -> None:
    frame = pd.DataFrame({"at": pd.date_range("2026-01-01", periods=40, freq="1s"), "y": [0, 1] * 20})
    at = table(frame, tmp_path, "parquet").features["at"]
    assert at.astype("float32").to_list() == [float(second) for second in range(40)]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_dates_written_as_text_are_times_and_other_text_is_none(tmp_path: Path, suffix: str) -> None:
    hours = ["2026-01-01T00:00:00+02:00", "2026-01-01T01:30+02:00", None, "2025-12-31T23:00:00.500Z"]
    frame = pd.DataFrame(
        {
            "day": ["2026-01-01", "2026-01-03", None, "2026-01-02"],
            "hour": hours,
            "name": ["2026-01-01", "2026-01-03", None, "new year"],
            "none": ["2026-01-01", "2026-02-31", None, "2026-01-02"],
            "y": [0, 1, 0, 1],
        }
    )
    found = table(frame, tmp_path, suffix).features
    assert found["day"].fillna(-1).to_list() == [0, 2 * 86400, -1, 86400]
    assert found["hour"].fillna(-1).to_list() == [0, 5400, -1, 3600.5]
    assert [found[name].dtype.name for name in ("name", "none")] == ["category"] * 2


def test_a_question_mark_is_a_missing_number(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,y\n1,0\n?,1\n3,0\n")
    a = load_table(Data(source=str(tmp_path / "t.csv"), target="y")).features["a"]
    assert (str(a.dtype), a.isna().tolist()) == ("float64", [False, True, False])


def test_names_of_rows_that_r_writes_are_no_column(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,y\nr1,1,0\nr2,2,1\n")
    assert load_table(Data(source=str(tmp_path / "t.csv"), target="y")).features["a"].to_list() == [1, 2]


def test_column_names_that_xgboost_refuses_are_changed(tmp_path: Path) -> None:
    loaded = table(pd.DataFrame({"size [cm]": [1, 2], "a<b": [1, 2], "y": [0, 1]}), tmp_path)
    assert list(loaded.features) == ["size (cm)", "a(b"]
    alike = table(pd.DataFrame({"a[": [1, 2], "a(": [3, 4], "a<": [5, 6], "y": [0, 1]}), tmp_path).features
    assert alike.to_dict("list") == {"a(": [1, 2], "a(_2": [3, 4], "a(_3": [5, 6]}


@pytest.mark.parametrize(
    ("columns", "fields", "message"),
    [
        ({"a": [1, 2], "y": [0, 1]}, {"target": "z"}, "must be a column of t.csv, got 'z'; known are a, y"),
        ({"a": [1, 2], "y": [0, 1]}, {"drop": ["b"]}, "data.drop: must name columns of the table, got b; known are a"),
        (
            {"a": [1, 2], "y": [0, 1]},
            {"drop": ["b"], "target": "z"},
            "got 'z'; known are a, y; data.drop: must name columns of the table, got b",
        ),
        (
            {"a": [1, 2], "y": [0, None]},
            {},
            "got 1 missing; drop those rows, or, where it is a class, spell it otherwise",
        ),
        ({"a": [1, 2], "y": [3, 3]}, {}, "y needs at least 2 classes, got only 3; choose another target"),
        (
            {"a": [1, 2], "y": ["u", "v"]},
            {"task": "regression"},
            "y must be numbers of at most 3.4e+38 for a regression, got 2",
        ),
        (
            {"a": [1, 2], "y": [np.inf, 1.0]},
            {"task": "regression"},
            "y must be numbers of at most 3.4e+38 for a regression, got 1",
        ),
        (
            {"a": [1, 2], "y": [1e39, 1.0]},
            {"task": "regression"},
            "y must be numbers of at most 3.4e+38 for a regression, got 1",
        ),
        ({"y": [0, 1]}, {}, "needs rows and columns to learn from, got a table of shape"),
        ({"a": [], "y": []}, {}, "needs rows and columns to learn from, got a table of shape"),
    ],
)
def test_a_table_that_cannot_be_trained_on_is_refused(
    tmp_path: Path, columns: dict[str, list[object]], fields: dict[str, object], message: str
) -> None:
    with pytest.raises(DataInvalid) as caught:
        table(pd.DataFrame(columns), tmp_path, **fields)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "must be a readable csv file"),
        ("t.csv", b"\xff\xfe\x00\x01,\n", "must be UTF-8, got byte 0xff in t.csv; save it as UTF-8"),
        ("t.csv.gz", b"not compressed", "must be a readable csv file"),
        ("t.csv", b"a;y\n1;2\n", "columns of a .csv file must be separated by ',', got ';' in t.csv; convert it"),
        ("t.TSV", b"a,y\n1,2\n", "columns of a .tsv file must be separated by '\\t', got ',' in t.TSV; convert it"),
        (
            "t.csv",
            b"y,a\n0,1,\n1,2,\n",
            "rows of t.csv must have as many values as its first line has names, got ',' at their ends; take it away",
        ),
        (
            "t.csv",
            b"a,y\n1,None\n2,Apnea\n",
            "got 1 missing; drop those rows, or, where it is a class, spell it otherwise",
        ),
        ("t.csv", "ort,y\nKöln,1\n".encode("latin-1"), "must be UTF-8, got byte 0xf6 in t.csv; save it as UTF-8"),
        ("t.parquet", b"PAR1 but not really", "must be a readable parquet file"),
        ("t.npz", b"not a zip", "must be a readable .npz file of plain arrays"),
        ("t.xlsx", b"", "must end in .csv, .tsv (.gz too), .parquet or .npz, got t.xlsx; convert it"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataInvalid) as caught:
        load_table(Data(source=str(tmp_path / name), target="y"))
    assert message in str(caught.value)


def test_arrays_of_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.array([[print], [print]], dtype=object), y=np.array([0, 1]))
    with pytest.raises(DataInvalid, match="plain arrays"):
        load_table(Data(source=str(tmp_path / "t.npz")))


def test_arrays_of_other_names_or_shapes_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 2)))
    with pytest.raises(DataInvalid, match=r"a.npz needs arrays x and y, got images"):
        load_table(Data(source=str(tmp_path / "a.npz")))
    np.savez(tmp_path / "b.npz", x=np.zeros((3, 2)), y=np.zeros(2))
    with pytest.raises(DataInvalid, match=r"got shapes \(3, 2\) and \(2,\)"):
        load_table(Data(source=str(tmp_path / "b.npz")))
