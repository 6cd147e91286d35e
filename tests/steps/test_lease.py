"""Who trains a trial, and what becomes of an attempt whose holder has died."""

from __future__ import annotations

import subprocess

import pytest

from tunewright.errors import AttemptLost
from tunewright.steps.lease import boot_id, give_back, lose, take
from tunewright.store import layout
from tunewright.store.memory import MemoryStore
from tunewright.trial import AttemptStart, Loss, Outcome

TRIAL = "0123456789abcdef"


def dead(number: int = 1) -> AttemptStart:
    """An attempt whose process is no more."""
    with subprocess.Popen(["true"]) as process:
        pid = process.pid
    return AttemptStart(
        trial=TRIAL, attempt=number, host="here", boot=boot_id(), pid=pid, process_started=1.0, started=5.0
    )


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    layout.create(made, dead(), layout.attempt(TRIAL, 1, "start.json"))
    return made


def lives(_trial: str, attempt: int) -> bool:
    return attempt == 1


def test_an_attempt_that_goes_on_without_its_holder_is_taken_over_and_no_other_is_made(store: MemoryStore):
    for _ in range(3):
        start = take(store, TRIAL, 1, now=9.0, goes_on=lives)
        assert start is not None
        assert (start.attempt, start.started) == (1, 5.0)
    assert layout.attempt_numbers(store, TRIAL) == [1]


def test_an_attempt_that_died_with_its_holder_counts_and_the_next_one_is_made(store: MemoryStore):
    start = take(store, TRIAL, 2, now=9.0)
    assert start is not None
    assert start.attempt == 2
    assert take(MemoryStore(), TRIAL, 1, now=9.0) is not None


@pytest.mark.parametrize("how", ["lost", "given back"])
def test_an_attempt_that_somebody_has_said_is_over_is_not_taken_over(store: MemoryStore, how: str):
    if how == "lost":
        lose(store, dead(), AttemptLost("evicted", log_tail="last words"), now=8.0)
        loss = layout.read(store, Loss, layout.attempt(TRIAL, 1, "lost.json"))
        assert (loss.reason, loss.log_tail) == ("evicted", "last words")
    else:
        give_back(store, dead())
    start = take(store, TRIAL, 5, now=9.0, goes_on=lambda _trial, _attempt: True)
    assert start is not None
    assert start.attempt == 2


def test_only_attempts_that_were_lost_count_against_the_trial(store: MemoryStore):
    give_back(store, dead())
    start = take(store, TRIAL, 1, now=9.0)
    assert start is not None
    lose(store, start, AttemptLost("evicted"), now=9.0)
    assert take(store, TRIAL, 1, now=9.0) is None


def test_an_attempt_with_an_outcome_is_all_that_is_needed(store: MemoryStore):
    outcome = Outcome(trial=TRIAL, attempt=1, state="TRAINED", started=5.0, ended=6.0)
    layout.create(store, outcome, layout.attempt(TRIAL, 1, "outcome.json"))
    assert take(store, TRIAL, 5, now=9.0, goes_on=lives) is None
