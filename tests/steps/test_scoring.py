"""A scoring program of the user's own, run by evaluate after training, on the verified model."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.steps.studies import shell_study
from tests.steps.test_steps import iris_study, opened

from tunewright.errors import AttemptLost, InputError, SessionFenced, StoreRefused, StudyInvalid
from tunewright.steps import evaluate as evaluate_module
from tunewright.steps.evaluate import evaluate
from tunewright.steps.ledger import Ledger
from tunewright.steps.propose import propose
from tunewright.steps.train import train
from tunewright.steps.update_surrogate import update_surrogate
from tunewright.store import layout
from tunewright.study import Study
from tunewright.study_file import parse_study
from tunewright.training import evaluation
from tunewright.training.local import LocalRunner
from tunewright.training.runner import Finished, Job, TrialFailed
from tunewright.trial import Result, Status

TRAIN = [
    "sh",
    "-c",
    'mkdir -p "{output}/deep"; echo {x} > "{output}/deep/weights"; echo "{{\\"loss\\": 0.25}}" > "$TUNEWRIGHT_METRICS"',
]
SCORE = ["sh", "-c", 'echo "{{\\"score\\": $(cat "{model}/deep/weights")}}" > "$TUNEWRIGHT_METRICS"; echo scored']


def study(score: list[str] = SCORE, train: list[str] = TRAIN, **evaluate: Any) -> Study:
    trial = {"kind": "command", "command": train, "evaluate": {"command": score, **evaluate}}
    return shell_study(trial=trial)


def ended(place: Path, study: Study) -> tuple[Ledger, Result | None]:
    ledger = opened(str(place), study)
    propose(ledger, "one")
    train(ledger, "one", 0, 0, runner=LocalRunner())
    return ledger, evaluate(ledger, "one", 0, 0, runner=LocalRunner())


def test_the_model_is_scored_by_a_program_of_its_own(tmp_path: Path) -> None:
    ledger, result = ended(tmp_path, study())
    assert result is not None
    plan = ledger.plan(0)
    assert plan is not None
    assert result.status is Status.COMPLETE
    assert result.objective == pytest.approx(plan.slots[0].configuration["x"])
    assert result.metrics == {"loss": 0.25, "score": result.objective}
    assert result.cost.evaluate_seconds > 0
    assert ledger.store.get(layout.attempt(result.trial, 1, "score/log.txt")).data == b"scored\n"
    assert layout.attempt_numbers(ledger.store, result.trial) == [1]


@pytest.mark.parametrize(
    ("score", "more", "status", "reason"),
    [
        (["sh", "-c", "echo no luck; exit 3"], {}, Status.FAILED, "scoring its model: exit code 3; the log says why"),
        (["true"], {}, Status.FAILED, "scoring its model: metric score was never written"),
        (["sleep", "60"], {"limits": {"time": 1}}, Status.FAILED, "got .* raise trial.evaluate.limits.time"),
        (["/nowhere/score"], {}, Status.FAILED, "check trial.evaluate.command"),
        (
            ["sh", "-c", 'echo "{{\\"infeasible\\": \\"odd\\"}}" > "$TUNEWRIGHT_METRICS"'],
            {},
            Status.INFEASIBLE,
            "scoring its model: odd",
        ),
    ],
)
def test_what_goes_wrong_while_scoring_is_the_trials_result(
    tmp_path: Path, score: list[str], more: dict[str, Any], status: Status, reason: str
) -> None:
    _, result = ended(tmp_path, study(score, **more))
    assert result is not None
    assert result.status is status
    assert re.search(reason, result.reason), result.reason
    assert result.objective is None
    assert ("no luck" in result.log_tail) == ("exit code 3" in reason)


def test_a_trial_that_failed_is_not_scored(tmp_path: Path) -> None:
    ledger, result = ended(tmp_path, study(train=["false"]))
    assert result is not None
    assert result.status is Status.FAILED
    assert not result.reason.startswith("scoring")
    assert not [entry for entry in ledger.store.list() if "/score/" in entry.key]


@pytest.mark.parametrize("error", [TrialFailed("odd"), ValueError("odd")])
def test_a_model_of_a_built_in_trainer_that_cannot_be_scored_fails_its_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(evaluation, "evaluate", refuse)
    ledger, result = ended(tmp_path, iris_study(trials=1))
    assert result is not None
    assert (result.status, result.reason) == (Status.FAILED, "scoring its model: odd")
    assert ledger.result(result.trial) == result


def test_a_damaged_model_is_not_scored(tmp_path: Path) -> None:
    ledger = opened(str(tmp_path), study())
    propose(ledger, "one")
    train(ledger, "one", 0, 0, runner=LocalRunner())
    plan = ledger.plan(0)
    assert plan is not None
    ledger.store.put(layout.attempt(plan.slots[0].trial, 1, "model/deep/weights"), b"0.9\n")
    assert evaluate(ledger, "one", 0, 0, runner=LocalRunner()) is None, "it is LOST when the round is sealed"


class Elsewhere(LocalRunner):
    """A runner whose Jobs end like this."""

    def __init__(self, end: Finished | Exception) -> None:
        object.__setattr__(self, "end", end)

    @property
    def here(self) -> bool:
        return False

    def run(self, job: Job, beat: Callable[[], None]) -> Finished:
        if isinstance(self.end, Exception):  # type: ignore[attr-defined]
            raise self.end  # type: ignore[attr-defined]
        (job.directory / "log.txt").touch()
        return self.end  # type: ignore[attr-defined,no-any-return]


EVICTED = AttemptLost("its pod was ended from outside", log_tail="last words", gpu_seconds=7.0)


def test_who_waits_for_a_job_reads_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = opened(str(tmp_path), study())
    propose(ledger, "one")
    train(ledger, "one", 0, 0, runner=LocalRunner())
    monkeypatch.setattr(evaluate_module, "fetch_model", None)
    with pytest.raises(AttemptLost):
        evaluate(ledger, "one", 0, 0, runner=Elsewhere(EVICTED))
    scored = evaluate(ledger, "one", 0, 0, runner=Elsewhere(Finished(state="TRAINED", metrics={"score": 0.5})))
    assert scored is not None
    assert scored.objective == 0.5


def test_scoring_costs_gpus_too_that_which_was_lost_included(tmp_path: Path) -> None:
    ledger = opened(str(tmp_path), study())
    propose(ledger, "one")
    train(ledger, "one", 0, 0, runner=LocalRunner())
    ticks = itertools.count()

    def clock() -> float:
        return float(next(ticks))

    with pytest.raises(AttemptLost):
        evaluate(ledger, "one", 0, 0, runner=Elsewhere(EVICTED), clock=clock)
    scored = Finished(state="TRAINED", metrics={"score": 0.5}, gpu_seconds=30.0)
    result = evaluate(ledger, "one", 0, 0, runner=Elsewhere(scored), clock=clock)
    assert result is not None
    assert (result.cost.evaluate_seconds, result.cost.gpu_seconds) == (2.0, 37.0)


@pytest.mark.parametrize("kind", [InputError, AttemptLost])
def test_what_a_job_that_scores_is_refused_for_is_named_by_its_own_fields(
    tmp_path: Path, kind: type[Exception]
) -> None:
    ledger = opened(str(tmp_path), study(image="registry.example/score:1"))
    propose(ledger, "one")
    train(ledger, "one", 0, 0, runner=LocalRunner())
    refusal = kind("trial.image must be an image that nodes have or can pull, got: not found; check trial.image")
    words = r"^trial\.evaluate\.image must be .* check trial\.evaluate\.image$"
    with pytest.raises(kind, match=words):
        evaluate(ledger, "one", 0, 0, runner=Elsewhere(refusal))


def after_scoring(place: Path, *ends: Exception) -> Result:
    """What became of a trial, tried twice at most, whose scoring ended like this."""
    trial = {"kind": "command", "command": TRAIN, "evaluate": {"command": SCORE}, "limits": {"attempts": 2}}
    ledger = opened(str(place), shell_study(trial=trial))
    propose(ledger, "one")
    train(ledger, "one", 0, 0, runner=LocalRunner())
    for end in ends:
        with pytest.raises(type(end)):
            evaluate(ledger, "one", 0, 0, runner=Elsewhere(end))
    update_surrogate(ledger, "one", 0)
    result = ledger.result(ledger.slot(0, 0).trial)
    assert result is not None
    assert result.status is Status.LOST
    return result


REFUSED = InputError("trial.image must be an image that nodes have or can pull")


@pytest.mark.parametrize("times", [1, 11])
def test_scoring_that_was_refused_is_told_in_the_words_of_who_refused(tmp_path: Path, times: int) -> None:
    result = after_scoring(tmp_path, EVICTED, *[REFUSED] * times)
    assert (result.refused, result.reason) == (
        True,
        "scoring its model: trial.evaluate.image must be an image that nodes have or can pull",
    )


def test_scoring_that_was_lost_after_it_was_refused_may_be_mended(tmp_path: Path) -> None:
    result = after_scoring(tmp_path, *[REFUSED] * 11, EVICTED)
    assert not result.refused
    assert result.reason.endswith("scoring its model: its pod was ended from outside")


@pytest.mark.parametrize("error", [SessionFenced("another has claimed it"), StoreRefused("InvalidAccessKeyId")])
def test_scoring_that_a_fence_or_a_store_has_ended_was_not_refused(tmp_path: Path, error: Exception) -> None:
    result = after_scoring(tmp_path, error)
    assert (result.refused, result.reason) == (False, "no result when the round was sealed, after 1 attempt")


def test_scoring_that_was_lost_is_tried_as_often_as_training_and_then_the_trial_is_lost(tmp_path: Path) -> None:
    scored = shell_study(
        trial={
            "kind": "command",
            "command": TRAIN,
            "evaluate": {"command": SCORE},
            "limits": {"attempts": 3},
        }
    )
    ledger = opened(str(tmp_path), scored)
    propose(ledger, "one")
    train(ledger, "one", 0, 0, runner=LocalRunner())
    for _ in range(2):
        with pytest.raises(AttemptLost):
            evaluate(ledger, "one", 0, 0, runner=Elsewhere(EVICTED))
    assert evaluate(ledger, "one", 0, 0, runner=Elsewhere(EVICTED)) is None
    update_surrogate(ledger, "one", 0)
    result = ledger.result(ledger.slot(0, 0).trial)
    assert result is not None
    assert (result.status, result.log_tail, result.cost.gpu_seconds) == (Status.LOST, "last words", 21.0)
    assert result.reason.endswith("after 1 attempt; scoring its model: its pod was ended from outside")


def test_the_placeholders_of_scoring_are_checked() -> None:
    text = """
name: toy
space: {{model: {{type: float, low: 0, high: 1}}}}
objective: {{metric: score}}
trial: {{kind: command, command: [train, "{train}"]{evaluate}}}
"""
    # a parameter of this name, as long as nothing scores
    parse_study(text.format(train="{model}", evaluate=""), "study.yaml")
    with pytest.raises(StudyInvalid) as caught:
        parse_study(
            text.format(train="{output}", evaluate=', evaluate: {command: [score, "{modle}", "{files}"]}'), "study.yaml"
        )
    fields = [problem.field for problem in caught.value.problems]
    assert fields == ["space.model", "trial.evaluate.command.1", "trial.evaluate.command.2"]
    assert "did you mean 'model'?" in caught.value.problems[1].message
