"""When a session ends, and whether as a failure."""

from __future__ import annotations

import pytest
from tests.steps.studies import shell_study
from tests.steps.test_lease import Refusing
from tests.steps.test_steps import opened

from tunewright.errors import AttemptLost, InputError, TunewrightError
from tunewright.steps import report as report_module
from tunewright.steps.evaluate import evaluate
from tunewright.steps.ledger import Ledger
from tunewright.steps.propose import propose
from tunewright.steps.train import train
from tunewright.steps.update_policy import update_policy
from tunewright.steps.update_surrogate import update_surrogate
from tunewright.training.local import LocalRunner
from tunewright.training.runner import Runner
from tunewright.trial import Head

REFUSED = InputError("trial.image must be an image that nodes have or can pull, got: manifest unknown; check its name")
LOST = AttemptLost("no node takes its pod")


@pytest.fixture
def place(tmp_path) -> str:
    return str(tmp_path)


def after_a_round(ledger: Ledger, *errors: TunewrightError | None, session: str = "one") -> Head:
    """The head after a round whose slots met these errors, at the time at which the session began."""
    began = ledger.session(session).started
    round_ = propose(ledger, session, clock=lambda: began)["round"]
    for slot, error in enumerate(errors):
        runner: Runner = LocalRunner() if error is None else Refusing(error)
        try:
            train(ledger, session, round_, slot, runner=runner)
        except TunewrightError as met:
            assert met is error  # noqa: PT017 - as the step's exit code
        evaluate(ledger, session, round_, slot, runner=runner)
    update_surrogate(ledger, session, round_)
    return update_policy(ledger, session, round_, clock=lambda: began)


def test_a_round_that_was_refused_as_a_whole_fails_the_session_in_the_words_of_who_refused(place: str) -> None:
    ledger = opened(place, shell_study(budget={"trials": 40, "parallel_trials": 2}))
    head = after_a_round(ledger, REFUSED, REFUSED)
    assert (head.finished, head.failed) == (f"every trial of round 0 was refused: {REFUSED}", True)
    assert propose(ledger, "one")["done"]
    with pytest.raises(
        InputError, match=r"session 'one' failed: every trial of round 0 was refused: trial\.image must"
    ):
        report_module.main(study=f"{place}/toy", session="one")


def test_a_goal_that_is_reached_outweighs_a_round_that_was_refused(place: str) -> None:
    budget = {"trials": 40, "parallel_trials": 1}
    assert after_a_round(opened(place, shell_study(budget=budget)), None).finished is None
    propose(Ledger.at(f"{place}/toy"), "one")  # the round that session two takes over
    ledger = opened(place, shell_study(budget=budget, objective={"metric": "score", "goal": 0.5}), "two")
    head = after_a_round(ledger, REFUSED, session="two")
    assert (head.finished, head.failed) == ("goal 0.5 reached with 0.5", False)


@pytest.mark.parametrize("other", [None, LOST])
def test_a_session_goes_on_while_not_all_of_a_round_is_refused(place: str, other: TunewrightError | None) -> None:
    ledger = opened(place, shell_study(budget={"trials": 40, "parallel_trials": 2}))
    assert after_a_round(ledger, REFUSED, other).finished is None


def test_a_trial_that_was_refused_once_and_lost_afterwards_may_be_mended(place: str) -> None:
    ledger = opened(place, shell_study(budget={"trials": 40, "parallel_trials": 1}))
    propose(ledger, "one")
    with pytest.raises(InputError):
        train(ledger, "one", 0, 0, runner=Refusing(REFUSED))
    assert after_a_round(ledger, LOST).finished is None


def test_a_session_without_one_result_has_failed(place: str) -> None:
    ledger = opened(place, shell_study(budget={"trials": 4, "parallel_trials": 2}))
    assert after_a_round(ledger, LOST, LOST).finished is None
    head = after_a_round(ledger, LOST, REFUSED)
    assert head.finished is not None
    assert head.finished.startswith("4 trials, budget.trials is 4, and every one is LOST: ")
    assert head.finished.endswith(str(REFUSED))
    assert head.failed


def test_one_result_is_enough(place: str) -> None:
    ledger = opened(place, shell_study(budget={"trials": 2, "parallel_trials": 2}))
    head = after_a_round(ledger, LOST, None)
    assert (head.finished, head.failed) == ("2 trials, budget.trials is 2", False)


@pytest.mark.parametrize("rounds", [0, 1])
def test_no_round_begins_after_the_session_s_time_however_late_it_goes_on(place: str, rounds: int) -> None:
    budget = {"trials": 40, "parallel_trials": 1, "wall_time": "1h"}
    ledger = opened(place, shell_study(budget=budget))
    for _ in range(rounds):
        assert after_a_round(ledger, None).finished is None
    late = ledger.session("one").started + 3700
    assert propose(ledger, "one", clock=lambda: late) == {"round": rounds, "slots": [], "done": True}
    head = ledger.head()[0]
    assert (head.finished, head.failed) == ("3700 s, budget.wall_time is 3600 s", False)
    assert ledger.plan(rounds) is None


def test_a_round_that_was_begun_in_time_is_gone_on_with(place: str) -> None:
    ledger = opened(place, shell_study(budget={"trials": 40, "parallel_trials": 1, "wall_time": "1h"}))
    propose(ledger, "one", clock=lambda: ledger.session("one").started)
    late = ledger.session("one").started + 3700
    assert propose(ledger, "one", clock=lambda: late) == {"round": 0, "slots": [0], "done": False}


def test_a_session_whose_time_is_over_without_one_result_has_failed(place: str) -> None:
    ledger = opened(place, shell_study(budget={"trials": 40, "parallel_trials": 1, "wall_time": "1h"}))
    assert after_a_round(ledger, LOST).finished is None
    late = ledger.session("one").started + 3700
    assert propose(ledger, "one", clock=lambda: late)["done"]
    assert ledger.head()[0].failed
