"""Jobs of trials whose launchers are gone: ended when their round is sealed, or their session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.steps.studies import shell_study
from tests.steps.test_steps import opened

from tunewright.errors import TransientError
from tunewright.steps import advance, leftovers, report, update_surrogate
from tunewright.steps.evaluate import evaluate
from tunewright.steps.ledger import Ledger
from tunewright.steps.propose import propose
from tunewright.steps.train import train
from tunewright.study import Study
from tunewright.training import patience
from tunewright.training.local import LocalRunner


class Elsewhere(LocalRunner):
    """A runner of Jobs that remembers which were ended."""

    def __init__(self, address: str, ended: list[str], away: list[TransientError]) -> None:
        for name, value in {"address": address, "ended": ended, "away": away}.items():
            object.__setattr__(self, name, value)

    @property
    def here(self) -> bool:
        return False

    def discard(self, trial: str) -> None:
        if self.away:  # type: ignore[attr-defined]
            raise self.away.pop()  # type: ignore[attr-defined]
        self.ended.append(f"{self.address} {trial}")  # type: ignore[attr-defined]


@pytest.fixture
def away() -> list[TransientError]:
    """What the API server answers first."""
    return []


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch, away: list[TransientError]) -> list[str]:
    """Whose Jobs were ended."""
    made: list[str] = []

    def runner_for(study: Study, address: str, *, scores: bool = False) -> Elsewhere:
        return Elsewhere(f"{address}{' scores' if scores else ''}", made, away)

    monkeypatch.setattr(leftovers, "runner_for", runner_for)
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.01)
    return made


@pytest.fixture
def address(tmp_path: Path) -> str:
    """A study whose first round has one result and one trial whose launcher never came back."""
    ledger = opened(str(tmp_path), shell_study())
    propose(ledger, "one")
    train(ledger, "one", 0, 0, runner=LocalRunner())
    evaluate(ledger, "one", 0, 0, runner=LocalRunner())
    return f"{tmp_path}/toy"


def of(address: str, round_: int, *slots: int) -> list[str]:
    """What is said when the Jobs of these slots were ended."""
    ledger = Ledger.at(address)
    return [f"{address}{kind} {ledger.slot(round_, slot).trial}" for kind in ("", " scores") for slot in slots]


@pytest.mark.parametrize("step", [update_surrogate.main, advance.main])
def test_what_a_sealed_round_has_given_up_runs_no_more(
    address: str, ended: list[str], step: Callable[..., dict[str, Any]]
) -> None:
    step(study=address, session="one", round=0)
    assert ended == of(address, 0, 1)


def test_a_seal_that_was_killed_before_it_ended_them_does_so_next_time(address: str, ended: list[str]) -> None:
    update_surrogate.update_surrogate(Ledger.at(address), "one", 0)
    update_surrogate.main(study=address, session="one", round=0)
    assert ended == of(address, 0, 1)


def test_the_end_of_a_session_ends_the_jobs_of_its_open_round(address: str, ended: list[str]) -> None:
    report.main(study=address, session="one")
    assert ended == of(address, 0, 1)


def test_a_round_that_a_newer_session_goes_on_with_is_left_alone(
    address: str, ended: list[str], tmp_path: Path
) -> None:
    opened(str(tmp_path), shell_study(), "two")
    report.main(study=address, session="one")
    assert ended == []


def test_an_api_server_that_is_away_for_a_moment_is_asked_again(
    address: str, ended: list[str], away: list[TransientError]
) -> None:
    away.append(TransientError("connection refused"))
    report.main(study=address, session="one")
    assert ended == of(address, 0, 1)


def test_processes_of_this_machine_belong_to_whoever_runs_them(
    address: str, ended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Elsewhere, "here", True)
    report.main(study=address, session="one")
    assert ended == []
