"""Where a step writes what the graph carries on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.steps.studies import shell_study

from tunewright.errors import InputError
from tunewright.steps.__main__ import run, write_outputs
from tunewright.steps.evaluate import evaluate
from tunewright.steps.ledger import Ledger
from tunewright.steps.open import main as open_step
from tunewright.steps.open import most_rounds, open_session
from tunewright.steps.propose import propose
from tunewright.steps.search import main as search_step
from tunewright.steps.train import train
from tunewright.steps.update_policy import update_policy
from tunewright.steps.update_surrogate import update_surrogate
from tunewright.store import layout
from tunewright.store.opening import open_store, study_store
from tunewright.study_file import quoted
from tunewright.training.local import LocalRunner


def opened(tmp_path: Path, *more: str, session: str = "one", trials: int = 6) -> int:
    study = shell_study(budget={"trials": trials, "parallel_trials": 4})
    text = study.model_dump_json(exclude_unset=True)
    arguments = ["--store", str(tmp_path / "store"), "--study-text", text, "--session", session]
    return run(["open", *arguments, "--outputs", str(tmp_path / "outputs"), *more])


def test_every_output_is_a_file_named_after_itself(tmp_path: Path) -> None:
    assert opened(tmp_path) == 0
    written = {path.name: path.read_text() for path in (tmp_path / "outputs").iterdir()}
    assert written == {"study": f"{tmp_path}/store/toy", "session": "one", "turns": "[0, 1]", "done": "false"}


def test_an_output_goes_where_its_own_path_says_and_the_folder_is_made(tmp_path: Path) -> None:
    elsewhere = tmp_path / "a" / "b" / "value"
    assert opened(tmp_path, "--output", "done", str(elsewhere)) == 0
    assert elsewhere.read_text() == "false"
    assert not (tmp_path / "outputs" / "done").exists()
    assert (tmp_path / "outputs" / "study").exists()


def test_an_output_that_the_step_does_not_have_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert opened(tmp_path, "--output", "slots", str(tmp_path / "x")) == 2
    assert "'slots' is not one of" in capsys.readouterr().err


def test_an_output_that_was_there_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_text("a longer value of an attempt before")
    write_outputs({"value": path}, {"value": [1]})
    assert path.read_text() == "[1]"
    assert [child.name for child in tmp_path.iterdir()] == ["value"]


def test_files_by_name_become_a_folder(tmp_path: Path) -> None:
    write_outputs({"model": tmp_path / "x" / "model"}, {"model": {"a.ubj": b"1", "folds/0.ubj": b"2"}})
    assert (tmp_path / "x" / "model" / "a.ubj").read_bytes() == b"1"
    assert (tmp_path / "x" / "model" / "folds" / "0.ubj").read_bytes() == b"2"


def test_what_a_key_cannot_hold_of_a_time_is_replaced_where_the_session_enters(tmp_path: Path) -> None:
    assert layout.session_id(" 2026-01-18T02:00:00+00:00 ") == "2026-01-18T02-00-00-00-00"
    assert layout.session_id("20260118020000") == "20260118020000"
    assert opened(tmp_path, session="2026-01-18T02:00:00Z") == 0
    assert (tmp_path / "outputs" / "session").read_text() == "2026-01-18T02-00-00Z"
    assert (tmp_path / "store" / "toy" / "sessions" / "2026-01-18T02-00-00Z" / "session.json").exists()


def test_every_step_takes_the_session_as_the_trigger_names_it(tmp_path: Path) -> None:
    """Argo gives each step the Workflow's own parameter, not what `open` made of it."""
    time = "2026-01-18T02:00:00+01:00"
    assert opened(tmp_path, session=time) == 0
    for step in ("propose", "report"):
        place = ["--study", str(tmp_path / "store" / "toy"), "--session", time]
        assert run([step, *place, "--outputs", str(tmp_path / step)]) == 0
    assert (tmp_path / "store" / "toy" / "sessions" / "2026-01-18T02-00-00-01-00" / "report" / "index.html").exists()


def test_turns_follow_the_budget_with_which_the_session_was_opened(tmp_path: Path) -> None:
    assert opened(tmp_path) == 0
    assert opened(tmp_path, trials=100) == 0
    assert json.loads((tmp_path / "outputs" / "turns").read_text()) == [0, 1]


@pytest.mark.parametrize(
    ("trials", "parallel", "rounds", "expected"), [(1, 4, 80, 1), (8, 4, 80, 2), (9, 4, 80, 3), (100, 1, 80, 80)]
)
def test_a_session_has_as_many_rounds_as_its_trials_fill_and_no_more_than_it_may(
    tmp_path: Path, trials: int, parallel: int, rounds: int, expected: int
) -> None:
    budget = {"trials": trials, "parallel_trials": parallel, "rounds": rounds}
    ledger = session_of(tmp_path, "one", budget)
    assert most_rounds(ledger, "one") == expected
    propose(ledger, "one")
    assert most_rounds(ledger, "one") == expected, "asked again"


@pytest.mark.parametrize(("before", "after", "expected"), [(2, 8, 3), (8, 2, 5), (4, 4, 4)])
def test_a_round_that_another_session_has_planned_may_be_narrower(
    tmp_path: Path, before: int, after: int, expected: int
) -> None:
    propose(session_of(tmp_path, "one", {"trials": 16, "parallel_trials": before}), "one")
    ledger = session_of(tmp_path, "two", {"trials": 16, "parallel_trials": after})
    assert most_rounds(ledger, "two") == expected
    for _ in range(expected):
        place = propose(ledger, "two")
        for slot in place["slots"]:
            train(ledger, "two", place["round"], slot, runner=LocalRunner())
            evaluate(ledger, "two", place["round"], slot, runner=LocalRunner())
        update_surrogate(ledger, "two", place["round"])
        update_policy(ledger, "two", place["round"])
    assert most_rounds(ledger, "two") == expected
    assert ledger.head()[0].finished == "16 trials, budget.trials is 16"


def session_of(tmp_path: Path, session: str, budget: dict[str, int]) -> Ledger:
    store, study = str(tmp_path / "store"), shell_study(budget=budget)
    open_session(store, study, session, base=tmp_path, now=0.0)
    return Ledger(study_store(open_store(store), study.name))


def test_a_text_in_which_kubernetes_has_put_the_key_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-of-the-store")
    text = quoted(shell_study(description="key='s3cr3t-of-the-store'").model_dump(mode="json", exclude_unset=True))
    for step in (open_step, search_step):
        with pytest.raises(InputError, match=r"must not hold a key of the store"):
            step(store=str(tmp_path / "store"), study_text=text, session="one")
    assert not (tmp_path / "store").exists()
