"""What is asked for anew, but cannot be had, is told by field with old and new value."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from tests.steps.studies import SCORE, shell_study
from tests.steps.test_steps import opened, run_round

from tunewright.errors import DataInvalid, InputError, StudyChanged
from tunewright.steps.open import open_session
from tunewright.study import Study

X = {"type": "float", "low": 0.0, "high": 1.0}


def two(*names: str, **changes: Any) -> Study:
    return shell_study(space=dict.fromkeys(names, X), command=["true"], **changes)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"trial": {"kind": "command", "command": ["true"], "limits": {"time": "2h"}}}, "trial.limits.time was 3600.0, now 7200.0"),
        ({"trial": {"kind": "command", "command": ["false"]}}, "trial.command.0 was 'true', now 'false'"),
        ({"trial": {"kind": "command", "command": ["true", "x"]}}, "trial.command was ['true'], now ['true', 'x']"),
        ({"objective": {"metric": "loss"}}, "objective.metric was 'score', now 'loss'"),
        ({"constraints": ["a < b"]}, "constraints was [], now ['a < b']"),
        ({"data": {"source": "t.csv"}}, "data was nothing, now {"),
        ({"space": {"a": X, "b": {**X, "high": 2.0}}}, "space.b.high was 1.0, now 2.0"),
        ({"space": {"a": X}}, "space.b was {'when': {}, 'type': 'float', "),
        ({"space": {"b": X, "a": X}}, "the order of space was a, b, now b, a"),
    ],
)  # fmt: skip
def test_a_changed_study_is_refused_by_field_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    study = two("a", "b")
    opened("store", study)
    with pytest.raises(StudyChanged) as caught:
        opened("store", Study.model_validate({**study.model_dump(exclude_unset=True), **change}), "two")
    assert f"but {told}" in str(caught.value)
    assert "another name, or remove everything below " in str(caught.value)
    assert f"{tmp_path / 'store' / 'toy'}: it has no result yet" in str(caught.value)


def test_of_long_texts_the_place_is_shown_where_they_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = "import json, os\n" * 20
    trial = {"kind": "command", "command": ["python", "{files}/train.py"]}
    opened("store", two("a", trial={**trial, "files": {"train.py": f"{before}C = 1\n"}}))
    with pytest.raises(StudyChanged) as caught:
        opened("store", two("a", trial={**trial, "files": {"train.py": f"{before}C = 2\n"}}), "two")
    assert r"trial.files.train.py was '…import json, os\nC = 1\n', now '…import json, os\nC = 2\n'; give" in str(
        caught.value
    )


def test_a_study_with_results_is_never_to_be_removed(tmp_path: Path) -> None:
    run_round(opened(str(tmp_path), shell_study()))
    with pytest.raises(StudyChanged, match=r"another name$"):
        opened(str(tmp_path), shell_study(objective={"metric": "loss"}), "two")


def test_settings_that_an_open_session_does_not_take_are_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        opened(str(tmp_path), shell_study())
        opened(str(tmp_path), shell_study(), now=2.0)
        assert caplog.messages == []
        job = {"kind": "command", "command": SCORE, "job": {"gpus": 1}}
        changes: dict[str, Any] = {"budget": {"trials": 9, "parallel_trials": 2}, "seed": 3, "trial": job}
        opened(str(tmp_path), shell_study(**changes, objective={"metric": "score", "goal": 0.9}))
    (message,) = caplog.messages
    for told in (
        "session 'one' keeps the settings that it was opened with, but budget.trials was 6, now 9; ",
        "; objective.goal was nothing, now 0.9; ",
        "; seed was 0, now 3; ",
        "; trial.job was nothing, now {",
        "; begin a new one for these (`--session new`)",
    ):
        assert told in message
    caplog.clear()
    opened(str(tmp_path), shell_study(seed=3), "two")
    assert caplog.messages == []


def test_a_study_whose_data_cannot_be_split_takes_no_name(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{i % 7},{i % 2}\n" for i in range(60)) + "1,2\n")
    study = Study.model_validate(
        {
            "name": "rare",
            "space": {"max_depth": {"type": "int", "low": 1, "high": 4}},
            "objective": {"metric": "accuracy"},
            "data": {"source": str(tmp_path / "t.csv"), "target": "y"},
            "trial": {"kind": "xgboost"},
        }
    )
    with pytest.raises(DataInvalid, match="every class needs at least 2 rows"):
        opened(str(tmp_path / "store"), study)
    assert not (tmp_path / "store").exists()


def test_data_that_were_moved_while_a_session_is_open_are_named_with_both_places(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    (old / "t.csv").write_text("a,y\n1,0\n")
    study = shell_study(data={"source": "t.csv"})
    store = str(tmp_path / "store")
    open_session(store, study, "one", base=old, now=1.0)
    old.rename(new)
    with pytest.raises(InputError, match=f"data at {old}/t.csv, which is gone; it is at {new}/t.csv now: move it back"):
        open_session(store, study, "one", base=new, now=2.0)
    assert open_session(store, study, "two", base=new, now=3.0).session == "two"
