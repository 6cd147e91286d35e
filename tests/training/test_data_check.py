"""What is wrong with data shows before a study takes its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunewright.errors import DataInvalid, StoreRefused
from tunewright.store import s3
from tunewright.store.s3 import S3Store
from tunewright.study import Study
from tunewright.training import data
from tunewright.training.data_check import check_data, data_mistakes

TABLE = "a,b,y\n" + "".join(f"{i % 7},{i % 5},{i % 2}\n" for i in range(60))


def raw(source: str, kind: str = "xgboost", metric: str = "accuracy", **data: Any) -> dict[str, Any]:
    return {
        "name": "checked",
        "space": {"max_depth": {"type": "int", "low": 1, "high": 4}},
        "objective": {"metric": metric},
        "trial": {"kind": kind},
        "data": {"source": source, "target": "y", **data},
    }


def test_every_mistake_of_data_is_told_by_its_field(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    assert data_mistakes(raw("t.csv"), tmp_path) == []
    found = data_mistakes(raw("t.csv", drop=["c"], target="z"), tmp_path)
    assert [place for place, _ in found] == [("data", "target"), ("data", "drop")]
    found = data_mistakes(raw("t.csv", metric="rmse", validation={"folds": 20}, target="b"), tmp_path)
    assert [place for place, _ in found] == [("data", "target"), ("objective", "metric")]
    assert "every class needs at least 20 rows, got 12" in found[0][1]
    found = data_mistakes(raw("absent.csv"), tmp_path)
    assert [place for place, _ in found] == [("data", "source")]


def test_a_study_that_is_wrong_elsewhere_has_its_data_checked_as_far_as_it_can_be(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    broken = {**raw("t.csv", target="z"), "space": 3, "objective": {"metric": ["x"]}}
    assert [place for place, _ in data_mistakes(broken, tmp_path)] == [("data", "target")]
    assert data_mistakes({**broken, "trial": "xgboost"}, tmp_path) == []
    assert data_mistakes({**broken, "data": {"source": 3}}, tmp_path) == []


def test_a_mistake_inside_data_does_not_hide_that_the_file_is_not_there(tmp_path: Path) -> None:
    wrong = raw("absent.csv", validation={"folds": 1})
    assert [place for place, _ in data_mistakes(wrong, tmp_path)] == [("data", "source")]
    (tmp_path / "absent.csv").write_text("a,b\n1,2\n")
    assert data_mistakes(wrong, tmp_path) == []


def test_a_command_s_data_must_be_there_and_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "t.bin").write_bytes(b"\0")
    assert data_mistakes(raw("t.bin", kind="command"), tmp_path) == []
    assert [place for place, _ in data_mistakes(raw("u.bin", kind="command"), tmp_path)] == [("data", "source")]


@pytest.mark.parametrize(("kind", "pandas"), [("command", True), ("xgboost", True), ("xgboost", False)])
def test_an_object_of_a_bucket_is_fetched_once_if_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, pandas: bool
) -> None:
    fetched: list[str] = []

    def fetch(address: str) -> bytes:
        fetched.append(address)
        return TABLE.encode()

    monkeypatch.setattr(data, "_object", fetch)
    if not pandas:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    study = raw("s3://bucket/t.csv", kind=kind)
    if kind == "command":
        study["trial"]["command"] = ["true"]
    check_data(Study.model_validate(study))
    assert len(fetched) == (kind == "xgboost" and pandas)
    fetched.clear()
    assert data_mistakes(study, tmp_path) == []
    assert len(fetched) == 1


def test_images_are_split_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.zeros((5, 8, 8)), y=np.array([0, 0, 0, 0, 1]))
    ((place, message),) = data_mistakes(raw("t.npz", kind="cnn"), tmp_path)
    assert place == ("data", "target")
    assert "every class needs at least 2 rows, got 1" in message


def test_data_in_a_bucket_is_read(s3_store: S3Store, tmp_path: Path) -> None:
    s3_store.create("tables/t.csv", TABLE.encode())
    of = Study.model_validate(raw(f"{s3_store.address}/tables/t.csv", target="z"))
    with pytest.raises(DataInvalid, match=r"data.target: must be a column of data.csv, got 'z'; known are a, b, y"):
        check_data(of)


def test_data_that_no_step_can_hold_is_told_before_it_is_fetched(
    s3_store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_store.create("tables/t.csv", TABLE.encode())
    study = raw(f"{s3_store.address}/tables/t.csv", target="y")
    assert data_mistakes(study, tmp_path) == []
    monkeypatch.setattr(s3, "MOST_BYTES", len(TABLE) - 1)
    ((place, message),) = data_mistakes(study, tmp_path)
    assert place == ("data", "source")
    assert "t.csv: must have at most" in message
    assert message.endswith("make it smaller, or mount it for a command of your own (trial.job.volumes)")


def test_a_bucket_that_cannot_be_read_is_no_mistake_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StoreRefused, match="AWS_ACCESS_KEY_ID"):
        data_mistakes(raw("s3://somewhere/t.csv"), tmp_path)
