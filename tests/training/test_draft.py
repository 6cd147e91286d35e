"""A first study for a table is valid, and guesses well."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pandas as pd
import pytest

from tunewright.errors import DataInvalid
from tunewright.study import HoldOut, KFold, Study
from tunewright.study_file import parse_study
from tunewright.training.data_check import check_data
from tunewright.training.draft import draft_study
from tunewright.training.parameters import check_parameters


def draft(frame: pd.DataFrame, directory: Path, target: str | None = None) -> Study:
    path = directory / "my table.csv"
    frame.to_csv(path, index=False)
    text = draft_study(path, target, "my-table")
    study = parse_study(text, "study.yaml")
    check_parameters(study)
    assert study.data is not None
    assert study.data.source == path.as_posix()
    return study


def rows(count: int = 40) -> pd.DataFrame:
    return pd.DataFrame(
        {"customer_id": range(count), "age": np.linspace(20, 60, count), "Label": ["a", "b"] * (count // 2)}
    )


def test_the_target_is_found_by_its_name_and_identifiers_are_dropped(tmp_path: Path) -> None:
    study = draft(rows()[["Label", "customer_id", "age"]], tmp_path)
    assert study.data is not None
    assert (study.data.target, study.data.drop, study.data.task) == ("Label", ["customer_id"], "classification")
    assert (study.objective.metric, study.objective.direction) == ("accuracy", "maximize")
    assert study.data.validation == KFold(folds=5)


@pytest.mark.parametrize("name", ["2023", "null", "true", "007", "1e5", "0x10", "yes"])
def test_names_that_yaml_takes_for_something_else_stay_names(tmp_path: Path, name: str) -> None:
    frame = rows().rename(columns={"age": "a\x85b\x7f😀'\"", "Label": name})
    frame.to_parquet(tmp_path / f"{name}.parquet")
    study = parse_study(draft_study(tmp_path / f"{name}.parquet", None, name), "study.yaml")
    assert study.data is not None
    assert (study.name, study.data.target) == (name, name)
    frame = frame.rename(columns={"customer_id": "id\x85"}).assign(**{"id\x85": [f"{i}" for i in range(40)]})
    frame.to_parquet(tmp_path / f"{name}.parquet")
    study = parse_study(draft_study(tmp_path / f"{name}.parquet", None, name), "study.yaml")
    assert study.data is not None
    assert study.data.drop == ["id\x85"]


def test_every_class_of_a_large_table_scores(tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": np.linspace(20, 60, 2400), "label": ["a"] * 2398 + ["b"] * 2})
    study = draft(frame, tmp_path)
    assert study.data is not None
    assert (study.objective.metric, study.data.validation) == ("roc_auc", KFold(folds=2))
    check_data(study)
    held_out = study.data.model_copy(update={"validation": HoldOut(holdout=0.25)})
    for metric in ("roc_auc", "f1"):
        objective = study.objective.model_copy(update={"metric": metric})
        with pytest.raises(
            DataInvalid, match=f"every class must be among the rows that score for {metric}, but 'b' is not"
        ):
            check_data(study.model_copy(update={"data": held_out, "objective": objective}))


def test_the_last_column_is_the_target_when_no_name_says_so(tmp_path: Path) -> None:
    study = draft(rows().rename(columns={"Label": "kind: of"}), tmp_path)
    assert study.data is not None
    assert study.data.target == "kind: of"


def test_a_float_target_makes_a_regression(tmp_path: Path) -> None:
    study = draft(rows(), tmp_path, target="age")
    assert study.data is not None
    assert (study.data.task, study.objective.metric, study.objective.direction) == ("regression", "rmse", "minimize")


def test_an_integer_target_of_many_values_makes_a_regression(tmp_path: Path) -> None:
    study = draft(rows(400).assign(price=np.arange(400) * 7 % 999 + 1), tmp_path, target="price")
    assert study.data is not None
    assert (study.data.task, study.objective.metric, study.objective.direction) == ("regression", "rmse", "minimize")


def test_a_small_class_has_a_row_in_every_fold(tmp_path: Path) -> None:
    study = draft(rows().assign(Label=["rare"] * 3 + ["b"] * 37), tmp_path)
    assert study.data is not None
    assert study.data.validation == KFold(folds=3)
    with pytest.raises(DataInvalid, match="every class needs at least 2 rows, got 1"):
        draft(rows().assign(Label=["single"] + ["b"] * 39), tmp_path)


def test_the_first_line_names_the_schema_for_editors(tmp_path: Path) -> None:
    rows().to_csv(tmp_path / "t.csv", index=False)
    first = draft_study(tmp_path / "t.csv", None, "t").splitlines()[0]
    path = url2pathname(urlsplit(first.removeprefix("# yaml-language-server: $schema=")).path)
    assert json.loads(Path(path).read_text())["title"] == "Tunewright study"


@pytest.mark.parametrize("name", ["Unnamed: 0", "PassengerId"])
def test_the_numbers_of_the_rows_are_no_feature(tmp_path: Path, name: str) -> None:
    """Of a table that is sorted by its target they tell it."""
    frame = pd.DataFrame(
        {name: range(100), "a": np.linspace(0, 1, 100), "b": [*range(99), 200], "y": [0] * 50 + [1] * 50}
    )
    data = draft(frame, tmp_path).data
    assert data is not None
    assert data.drop == [name]


def test_a_rare_class_is_not_judged_by_accuracy(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.linspace(0, 1, 100), "y": [1] * 6 + [0] * 94})
    assert draft(frame, tmp_path).objective.metric == "roc_auc"


def test_the_first_trial_is_xgboost_s_own_defaults(tmp_path: Path) -> None:
    default = draft(rows(), tmp_path).search_space().default()
    assert default is not None
    assert (default["learning_rate"], default["max_depth"], default["n_estimators"]) == (0.3, 6, 100)


def test_a_table_that_cannot_be_trained_on_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="needs a target and at least one other column, got 1"):
        draft(rows()[["Label"]], tmp_path)
    with pytest.raises(DataInvalid, match=r"must be a column of my table.csv, got 'wrong'"):
        draft(rows(), tmp_path, target="wrong")
    with pytest.raises(DataInvalid, match="must be a readable csv file"):
        draft_study(tmp_path / "absent.csv", None, "absent")


def test_a_column_of_dates_is_kept_in_text_as_in_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame({"day": pd.date_range("2026-01-01", periods=40), "demand": np.arange(40.0) ** 2})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        assert "drop: []" in draft_study(tmp_path / name, "demand", "t"), name


def test_a_study_in_a_linked_folder_finds_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "deep")
    monkeypatch.chdir(tmp_path)
    table = Path("t.csv")
    pd.DataFrame({"x": np.linspace(0, 1, 40), "y": [0, 1] * 20}).to_csv(table, index=False)
    text = draft_study(table, "y", "t", relative_to=Path("link"))
    assert "../../t.csv" in text
