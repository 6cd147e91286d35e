"""A learning curve that shows a better end than any trial had is followed up, and keeps its promise."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tests.steps.studies import shell_study
from tests.steps.test_stopping import begun, learn, run_slot

from tunewright.errors import InputError
from tunewright.space import Configuration
from tunewright.steps.ledger import Ledger
from tunewright.steps.propose import propose
from tunewright.study import Study
from tunewright.study_file import study_from

TREES: dict[str, Any] = {
    "name": "trees",
    "space": {
        "n_estimators": {"type": "int", "low": 1, "high": 60},
        "learning_rate": {"type": "float", "low": 0.1, "high": 1.0},
        "subsample": {"type": "float", "low": 0.2, "high": 1.0},
    },
    "objective": {"metric": "accuracy"},
    "budget": {"trials": 20, "parallel_trials": 2},
    "trial": {"kind": "xgboost"},
    "data": {"source": "sklearn:breast_cancer", "validation": {"folds": 3}},
    "agent": {"initial_trials": 2, "candidates": 32, "model_updates": 2, "model_batch": 8},
}
HURRIED: Configuration = {
    "n_estimators": 60,
    "learning_rate": 1.0,
    "subsample": 0.25,
}  #: wins soon and then learns the noise
SOURCE = """
import json, os, sys
width, steps = float(sys.argv[1]), int(sys.argv[2])
with open(os.environ["TUNEWRIGHT_STREAM"], "a") as stream:
    for step in range(1, steps + 1):
        score = width - abs(step - 6) / 10
        stream.write(json.dumps({"step": step, "score": score}) + "\\n")
json.dump({"score": score}, open(os.environ["TUNEWRIGHT_METRICS"], "w"))
"""


def opened(tmp_path: Path, study: Study, *configurations: Configuration) -> Ledger:
    ledger = begun(tmp_path, study, configurations)
    for slot in range(len(configurations)):
        run_slot(ledger, 0, slot)
    learn(ledger, 0)
    return ledger


def test_the_end_that_a_curve_of_boosted_trees_shows_is_what_a_trial_of_it_gets(tmp_path: Path) -> None:
    ledger = opened(tmp_path, study_from(TREES), HURRIED, {**HURRIED, "subsample": 0.9})
    before = ledger.ended(0)
    propose(ledger, "one")
    slot = ledger.slot(1, 0)
    assert slot.origin == "curve"
    shown = next(result for result in before if result.trial == slot.shown_by)
    promised = dict(shown.curve)[int(slot.configuration["n_estimators"])]
    assert promised > max(result.objective or 0.0 for result in before)
    assert promised == max(value for result in before for _, value in result.curve)
    result = run_slot(ledger, 1, 0)
    assert result.objective == promised, "the same seed, the same first rounds"
    run_slot(ledger, 1, 1)
    learn(ledger, 1)
    head = ledger.head()[0]
    assert head.best is not None
    assert head.best.objective >= promised
    propose(ledger, "one")
    assert ledger.slot(2, 0).configuration != slot.configuration, "followed up once"


@pytest.mark.parametrize(
    "changed",
    [
        {"agent": {**TREES["agent"], "curves": False}},
        {"trial": {"kind": "xgboost", "early_stopping_rounds": 5}},
    ],
)
def test_curves_are_not_followed_up_where_that_is_switched_off_or_rounds_are_cut_off(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    ledger = opened(tmp_path, study_from({**TREES, **changed}), HURRIED)
    propose(ledger, "one")
    assert "curve" not in [ledger.slot(1, slot).origin for slot in range(2)]


def command_study(tmp_path: Path, steps: str | None = "steps") -> Study:
    path = tmp_path / "train.py"
    path.write_text(SOURCE)
    declared = {
        "width": {"type": "float", "low": 0.0, "high": 1.0},
        "steps": {"type": "int", "low": 2, "high": 20},
    }
    command = [sys.executable, "-S", str(path), "{width}", "{steps}"]
    study = shell_study(space=declared, command=command).model_dump(mode="json", exclude_unset=True)
    return study_from({**study, "trial": {"kind": "command", "command": command, "steps": steps}})


def test_a_command_says_which_parameter_counts_its_steps(tmp_path: Path) -> None:
    ledger = opened(tmp_path, command_study(tmp_path), {"width": 0.5, "steps": 12}, {"width": 0.25, "steps": 20})
    propose(ledger, "one")
    slot = ledger.slot(1, 0)
    assert (slot.origin, slot.configuration) == ("curve", {"width": 0.5, "steps": 6})
    assert run_slot(ledger, 1, 0).objective == 0.5
    assert ledger.trial_seed(1, 0) == ledger.trial_seed(0, 0)


def test_a_command_that_does_not_say_so_is_not_read_that_way(tmp_path: Path) -> None:
    ledger = opened(tmp_path, command_study(tmp_path, steps=None), {"width": 0.5, "steps": 12})
    propose(ledger, "one")
    assert "curve" not in [ledger.slot(1, slot).origin for slot in range(2)]


def test_a_stream_is_not_compared_with_what_another_program_measured(tmp_path: Path) -> None:
    made = command_study(tmp_path).model_dump(mode="json", exclude_unset=True)
    made["trial"]["evaluate"] = {"command": ["sh", "-c", "echo '{{\"score\": 0.1}}' > $TUNEWRIGHT_METRICS"]}
    study = study_from(made)
    ledger = opened(tmp_path, study, {"width": 0.5, "steps": 12}, {"width": 0.25, "steps": 20})
    assert [result.objective for result in ledger.ended(0)] == [0.1, 0.1]
    propose(ledger, "one")
    assert "curve" not in [ledger.slot(1, slot).origin for slot in range(2)]


def test_one_trial_at_a_time_is_not_all_curves(tmp_path: Path) -> None:
    made = command_study(tmp_path).model_dump(mode="json", exclude_unset=True)
    study = study_from({**made, "budget": {"trials": 20, "parallel_trials": 1}})
    path = tmp_path / "train.py"
    path.write_text(path.read_text().replace("width - abs(step - 6) / 10", "width - abs(step - 6) / 10 - steps"))
    ledger = opened(tmp_path, study, {"width": 0.5, "steps": 12})
    origins = []
    for round_ in (1, 2, 3):
        propose(ledger, "one")
        origins.append(ledger.slot(round_, 0).origin)
        run_slot(ledger, round_, 0)
        learn(ledger, round_)
    assert origins[0] == "curve"
    assert origins[1] != "curve"


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ("step", "must name a parameter of the space, got 'step'; did you mean 'steps'?"),
        ("width", "steps must be counted by a whole number, got 'width' of type float; make it an int"),
    ],
)
def test_what_cannot_count_steps_is_refused(tmp_path: Path, steps: str, words: str) -> None:
    with pytest.raises(InputError, match=r"trial\.steps") as refusal:
        command_study(tmp_path, steps=steps)
    assert words in str(refusal.value)
