"""The whole search as one step: what it hands out, again, and when there is nothing to hand out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.steps.studies import shell_study

from tunewright.steps.__main__ import run
from tunewright.store import layout
from tunewright.store.directory import DirectoryStore
from tunewright.study import Study
from tunewright.trial import Plan

KEEPING = ["sh", "-c", 'echo "{{\\"score\\": {x}}}" > "$TUNEWRIGHT_METRICS"; echo {x} > {output}/weights.txt']
"""A trial that also leaves a model."""


def search(tmp_path: Path, study: Study, session: str = "one") -> int:
    text = study.model_dump_json(exclude_unset=True)
    places = ["--store", str(tmp_path / "store"), "--outputs", str(tmp_path / "outputs")]
    return run(["search", *places, "--study-text", text, "--session", session])


def results(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in (tmp_path / "store" / "toy" / "trials").glob("*/result.json")]


@pytest.mark.slow
def test_the_best_configuration_and_its_own_model_come_out_and_come_out_again(tmp_path: Path) -> None:
    study = shell_study(command=KEEPING, budget={"trials": 4, "parallel_trials": 2}, agent={"reward_model": "none"})
    assert search(tmp_path, study) == 0
    best = json.loads((tmp_path / "outputs" / "best").read_text())
    assert best["x"] == max(result["objective"] for result in results(tmp_path))
    assert float((tmp_path / "outputs" / "objective").read_text()) == best["x"]
    assert float((tmp_path / "outputs" / "model" / "weights.txt").read_text()) == best["x"]
    champion = json.loads((tmp_path / "outputs" / "model" / "champion.json").read_text())
    assert champion["configuration"] == best
    assert champion["session"] == "one"

    assert search(tmp_path, study) == 0
    assert len(results(tmp_path)) == 4
    assert json.loads((tmp_path / "outputs" / "best").read_text()) == best


def test_a_session_that_failed_hands_out_no_model_of_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    command = [
        "sh",
        "-c",
        f'test ! -e {broken} && echo "{{{{\\"score\\": {{x}}}}}}" > "$TUNEWRIGHT_METRICS" && echo 1 > {{output}}/w',
    ]
    budget = {"trials": 2, "parallel_trials": 2, "failed_trials": 1}
    study = shell_study(command=command, budget=budget, agent={"reward_model": "none"})
    assert search(tmp_path, study) == 0
    broken.touch()
    assert search(tmp_path, study, "two") == 2
    assert "must end well, but 2 trials failed, budget.failed_trials is 1; see" in capsys.readouterr().err


def test_a_study_whose_trials_all_fail_has_nothing_to_hand_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(tmp_path, shell_study(command=["false"], budget={"trials": 1, "parallel_trials": 1})) == 2
    assert "must have a completed trial whose model scores again, got none of 1" in capsys.readouterr().err
    assert not (tmp_path / "outputs").exists()


def origins(tmp_path: Path, round_: int) -> list[str]:
    plan = layout.find(DirectoryStore(tmp_path / "store" / "toy"), Plan, layout.plan(round_))
    return [slot.origin for slot in plan.slots] if plan is not None else []


def test_after_a_session_whose_program_never_ran_the_next_begins_as_the_first(tmp_path: Path) -> None:
    mended = tmp_path / "mended"
    command = ["sh", "-c", f'test -e {mended} && echo "{{{{\\"score\\": {{x}}}}}}" > "$TUNEWRIGHT_METRICS"']
    study = shell_study(command=command, budget={"trials": 2, "parallel_trials": 2})
    assert search(tmp_path, study) == 2
    mended.touch()
    assert search(tmp_path, study, "two") == 0
    assert origins(tmp_path, 0) == origins(tmp_path, 1) == ["default", "initial"]


@pytest.mark.slow
def test_a_session_after_one_that_asked_for_no_reward_model_begins_with_one(tmp_path: Path) -> None:
    budget = {"trials": 14, "parallel_trials": 14}
    assert search(tmp_path, shell_study(budget=budget, agent={"reward_model": "none"})) == 0
    assert search(tmp_path, shell_study(budget={"trials": 4, "parallel_trials": 4}), "two") == 0
    assert set(origins(tmp_path, 1)) <= {"policy", "neighbour"}
