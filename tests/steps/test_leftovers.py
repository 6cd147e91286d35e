"""Jobs of trials whose launchers are gone: ended when their round is sealed, or their session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.steps.studies import SCORE, shell_study
from tests.steps.test_steps import opened

from tunewright.errors import InputError, TransientError, TunewrightError
from tunewright.steps import advance, leftovers, report, update_surrogate
from tunewright.steps.evaluate import evaluate
from tunewright.steps.ledger import Ledger
from tunewright.steps.propose import propose
from tunewright.steps.train import train
from tunewright.store import layout
from tunewright.study import Study
from tunewright.training import patience
from tunewright.training.local import LocalRunner


def scored_study() -> Study:
    """A study whose models are scored by a program of the user's own."""
    return shell_study(trial={"kind": "command", "command": ["true"], "evaluate": {"command": SCORE}})


class Elsewhere(LocalRunner):
    """A runner of Jobs that remembers which were ended."""

    def __init__(self, address: str, ended: list[str], away: list[TunewrightError]) -> None:
        for name, value in {"address": address, "ended": ended, "away": away}.items():
            object.__setattr__(self, name, value)

    @property
    def here(self) -> bool:
        return False

    def discard(self, trial: str, *, own: bool = False) -> None:
        if self.away:  # type: ignore[attr-defined]
            raise self.away.pop()  # type: ignore[attr-defined]
        self.ended.append(f"{self.address} {trial}{' if own' if own else ''}")  # type: ignore[attr-defined]


@pytest.fixture
def away() -> list[TunewrightError]:
    """What the API server answers first."""
    return []


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch, away: list[TunewrightError]) -> list[str]:
    """Whose Jobs were ended."""
    made: list[str] = []

    def runner_for(study: Study, address: str, *, scores: bool = False) -> Elsewhere:
        return Elsewhere(f"{address}{' scores' if scores else ''}", made, away)

    monkeypatch.setattr(leftovers, "runner_for", runner_for)
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.01)
    return made


@pytest.fixture
def study() -> Study:
    return shell_study()


@pytest.fixture
def address(tmp_path: Path, study: Study) -> str:
    """A study whose first round has one result and one trial whose launcher never came back."""
    ledger = opened(str(tmp_path), study)
    propose(ledger, "one")
    train(ledger, "one", 0, 0, runner=LocalRunner())
    evaluate(ledger, "one", 0, 0, runner=LocalRunner())
    return f"{tmp_path}/toy"


def of(address: str, *kinds: str, own: bool = False) -> list[str]:
    """What is said when the Jobs of that trial were ended: those that train it, and those of further kinds."""
    trial = Ledger.at(address).slot(0, 1).trial
    return [f"{address}{kind} {trial}{' if own' if own else ''}" for kind in ("", *kinds)]


@pytest.mark.parametrize("step", [update_surrogate.main, advance.main])
def test_what_a_sealed_round_has_given_up_runs_no_more(
    address: str, ended: list[str], step: Callable[..., dict[str, Any]]
) -> None:
    step(study=address, session="one", round=0)
    assert ended == of(address)


@pytest.mark.parametrize("study", [scored_study()])
def test_jobs_that_score_its_models_end_too(address: str, ended: list[str]) -> None:
    update_surrogate.main(study=address, session="one", round=0)
    assert ended == of(address, " scores")


@pytest.mark.parametrize("study", [scored_study()])
@pytest.mark.parametrize("step", [update_surrogate.main, advance.main])
def test_a_cluster_that_refuses_holds_up_no_session(
    address: str,
    ended: list[str],
    away: list[TunewrightError],
    step: Callable[..., dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    away.append(InputError("the cluster must know trainjobs"))
    step(study=address, session="one", round=0)
    assert ended == of(address, " scores")[1:]
    assert "the cluster must know trainjobs" in caplog.text


def test_a_seal_that_was_killed_before_it_ended_them_does_so_next_time(address: str, ended: list[str]) -> None:
    update_surrogate.update_surrogate(Ledger.at(address), "one", 0)
    update_surrogate.main(study=address, session="one", round=0)
    assert ended == of(address)


def test_the_end_of_a_session_ends_the_jobs_of_its_open_round(address: str, ended: list[str]) -> None:
    report.main(study=address, session="one")
    assert ended == of(address, own=True)


def test_the_page_does_not_wait_for_their_end(
    address: str, ended: list[str], away: list[TunewrightError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "AWAY_SECONDS", 0.0)
    away += [TransientError("connection refused")] * 9
    with pytest.raises(TransientError):
        report.main(study=address, session="one")
    assert layout.report("one") in [entry.key for entry in Ledger.at(address).store.list()]


def test_a_page_that_cannot_be_drawn_does_not_keep_them_running(
    address: str, ended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise InputError("no page")

    monkeypatch.setattr(report, "report", fail)
    with pytest.raises(InputError, match="no page"):
        report.main(study=address, session="one")
    assert ended == of(address, own=True)


def test_they_are_ended_before_the_page_is_drawn_which_may_be_killed(
    address: str, ended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before: list[str] = []
    monkeypatch.setattr(report, "report", lambda *_: before.extend(ended))
    report.main(study=address, session="one")
    assert before == of(address, own=True)


def test_why_there_is_no_page_is_not_hidden_by_a_cluster_that_is_away(
    address: str, ended: list[str], away: list[TunewrightError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise InputError("no page")

    monkeypatch.setattr(report, "report", fail)
    monkeypatch.setattr(patience, "AWAY_SECONDS", 0.0)
    away += [TransientError("connection refused")] * 9
    with pytest.raises(InputError, match="no page"):
        report.main(study=address, session="one")


def test_a_round_that_a_newer_session_goes_on_with_is_left_alone(
    address: str, ended: list[str], tmp_path: Path
) -> None:
    opened(str(tmp_path), shell_study(), "two")
    report.main(study=address, session="one")
    assert ended == []


def test_an_api_server_that_is_away_for_a_moment_is_asked_again(
    address: str, ended: list[str], away: list[TunewrightError]
) -> None:
    away.append(TransientError("connection refused"))
    report.main(study=address, session="one")
    assert ended == of(address, own=True)


def test_processes_of_this_machine_belong_to_whoever_runs_them(
    address: str, ended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Elsewhere, "here", True)
    report.main(study=address, session="one")
    assert ended == []
