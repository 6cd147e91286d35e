"""Who trains a trial, and what becomes of an attempt whose holder has died."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.steps.studies import shell_study

from tunewright.errors import (
    AttemptLost,
    InputError,
    NotFound,
    SessionFenced,
    StoreRefused,
    StoreUnavailable,
    TransientError,
    TunewrightError,
)
from tunewright.steps import lease
from tunewright.steps.lease import GIVEN_BACK, boot_id, give_back, lose, take, under_way
from tunewright.steps.ledger import Ledger
from tunewright.steps.open import open_session
from tunewright.steps.propose import propose
from tunewright.steps.train import train
from tunewright.steps.update_surrogate import update_surrogate
from tunewright.store import layout
from tunewright.store.memory import MemoryStore
from tunewright.store.opening import open_store, study_store
from tunewright.store.port import Stored
from tunewright.termination import Terminated
from tunewright.training import processes
from tunewright.training.local import LocalRunner
from tunewright.training.runner import Finished, Job
from tunewright.trial import AttemptStart, Heartbeat, Loss, Outcome, Status

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
        lose(store, dead(), AttemptLost("evicted", log_tail="last words", gpu_seconds=2.0), now=8.0)
        loss = layout.read(store, Loss, layout.attempt(TRIAL, 1, "lost.json"))
        assert (loss.reason, loss.log_tail) == ("evicted", "last words")
        assert (loss.started, loss.ended, loss.gpu_seconds) == (5.0, 8.0, 2.0)
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


class Refusing(LocalRunner):
    """A runner whose platform says no; ``alive``: its Job goes on without it."""

    def __init__(self, error: BaseException, *, alive: bool = False) -> None:
        object.__setattr__(self, "error", error)
        object.__setattr__(self, "alive", alive)

    def run(self, job: Job, beat: Callable[[], None]) -> Finished:
        raise self.error  # type: ignore[attr-defined]

    def goes_on(self, trial: str, attempt: int) -> bool:
        return bool(self.alive)  # type: ignore[attr-defined]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    place = str(tmp_path / "store")
    study = shell_study(trial={"kind": "command", "command": ["true"], "limits": {"attempts": 2}})
    open_session(place, study, "one", base=tmp_path, now=1.0)
    made = Ledger(study_store(open_store(place), study.name))
    propose(made, "one")
    return made


@pytest.mark.parametrize(
    "error", [InputError("no such image: train:1"), AttemptLost("no node takes its pod", log_tail="last words")]
)
def test_a_trial_that_nobody_could_run_is_lost_with_the_words_of_who_refused(ledger: Ledger, error: TunewrightError):
    for _ in range(2):
        with pytest.raises(type(error)):
            train(ledger, "one", 0, 0, runner=Refusing(error))
    update_surrogate(ledger, "one", 0)
    plan = ledger.plan(0)
    assert plan is not None
    result = ledger.result(plan.slots[0].trial)
    assert result is not None
    assert result.status is Status.LOST
    assert str(error) in result.reason
    assert result.log_tail == getattr(error, "log_tail", "")


def said(ledger: Ledger, name: str) -> bool:
    return any(entry.key.endswith(f"/{name}") for entry in ledger.store.list("trials/"))


@pytest.mark.parametrize("moved", [True, False])
def test_who_is_moved_elsewhere_leaves_the_attempt_to_whoever_comes_next(ledger: Ledger, moved: bool):
    with pytest.raises(Terminated):
        train(ledger, "one", 0, 0, runner=Refusing(Terminated(), alive=moved))
    assert said(ledger, "given-back.json") is not moved


@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.parametrize(
    "error",
    [
        TransientError("failed calling webhook"),
        StoreUnavailable("no answer"),
        StoreRefused("InvalidAccessKeyId"),
        SessionFenced("session 'two' has claimed it since"),
    ],
)
def test_what_stays_away_or_is_fenced_is_held_against_no_attempt_and_a_job_goes_on(
    ledger: Ledger, error: TunewrightError, alive: bool
):
    tries = 1 if alive else 3  # more often than attempts may be lost
    for _ in range(tries):
        with pytest.raises(type(error)):
            train(ledger, "one", 0, 0, runner=Refusing(error, alive=alive))
    assert said(ledger, "given-back.json") is not alive
    assert not said(ledger, "lost.json")
    assert layout.attempt_numbers(ledger.store, ledger.slot(0, 0).trial) == list(range(1, tries + 1))


def test_a_clock_that_is_set_does_not_end_the_lease_of_a_living_process(monkeypatch: pytest.MonkeyPatch):
    made = MemoryStore()
    start = take(made, TRIAL, 5, now=1.0)
    assert start is not None
    assert processes.lives(start.pid, start.process_started)
    real = psutil.boot_time
    monkeypatch.setattr(psutil, "boot_time", lambda: real() + 2.0)  # the boot moves with the clock on the wall
    if hasattr(psutil, "_pslinux"):
        monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: real() + 2.0)
    assert processes.lives(start.pid, start.process_started)


def test_a_process_that_has_ended_or_only_has_the_same_id_does_not_live():
    assert not processes.lives(dead().pid, processes.born(os.getpid()))
    assert not processes.lives(os.getpid(), processes.born(os.getpid()) - 1.0)


@pytest.mark.timeout(30)
def test_the_lease_of_another_host_holds_for_as_long_as_its_heart_beats_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lease, "EXPIRY_SECONDS", 1.0)
    monkeypatch.setattr(lease, "POLL_SECONDS", 0.02)
    store, stopped = MemoryStore(), threading.Event()
    holder = dead().model_copy(update={"host": "elsewhere", "boot": "another boot"})  # its process id says nothing here
    layout.create(store, holder, layout.attempt(TRIAL, 1, "start.json"))

    def beat() -> None:
        for number in range(1, 41):
            store.put(layout.attempt(TRIAL, 1, "alive.json"), layout.encode(Heartbeat(attempt=1, beat=number)))
            time.sleep(0.05)
        stopped.set()

    heart = threading.Thread(target=beat)
    heart.start()
    start = take(store, TRIAL, 2, now=9.0)
    still = stopped.is_set()
    heart.join()
    assert still, "it was taken for dead while it lived"
    assert start is not None
    assert start.attempt == 2


@pytest.mark.timeout(30)
def test_a_process_id_that_was_given_to_another_process_holds_no_lease() -> None:
    store = MemoryStore()
    reused = dead().model_copy(update={"pid": os.getpid(), "process_started": processes.born(os.getpid()) - 60.0})
    layout.create(store, reused, layout.attempt(TRIAL, 1, "start.json"))
    start = take(store, TRIAL, 2, now=9.0)
    assert start is not None
    assert start.attempt == 2


class LastMoment(MemoryStore):
    """The holder writes its outcome and ends just after somebody has looked for it."""

    looked = False

    def get(self, key: str) -> Stored:
        if key.endswith("/outcome.json") and not self.looked:
            self.looked = True
            outcome = Outcome(trial=TRIAL, attempt=1, state="TRAINED", started=5.0, ended=6.0)
            self.put(key, layout.encode(outcome))
            raise NotFound(key)
        return super().get(key)


def test_an_outcome_that_was_written_at_the_last_moment_is_not_trained_again() -> None:
    store = LastMoment()
    layout.create(store, dead(), layout.attempt(TRIAL, 1, "start.json"))
    assert take(store, TRIAL, 5, now=9.0) is None


def test_an_outcome_of_any_attempt_is_all_that_is_needed(store: MemoryStore) -> None:
    """One that was taken for dead has gone on; the attempt after it was given back."""
    layout.create(store, dead(2), layout.attempt(TRIAL, 2, "start.json"))
    layout.create(store, dead(2), layout.attempt(TRIAL, 2, GIVEN_BACK))
    outcome = Outcome(trial=TRIAL, attempt=1, state="TRAINED", started=5.0, ended=6.0)
    layout.create(store, outcome, layout.attempt(TRIAL, 1, "outcome.json"))
    assert take(store, TRIAL, 5, now=9.0) is None


@pytest.mark.parametrize("hidden", [psutil.AccessDenied(1), psutil.NoSuchProcess(1)])
def test_where_a_host_hides_processes_nobody_is_taken_for_dead_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hidden: psutil.Error
) -> None:
    def born(_pid: int) -> float:
        raise hidden

    monkeypatch.setattr(processes, "born", born)
    monkeypatch.setattr(processes, "_PROC", tmp_path)  # where process 1 is not to be seen
    assert processes.lives(4711, 1.0) is None
    monkeypatch.setattr("tunewright.steps.lease.lives", processes.lives)
    monkeypatch.setattr("tunewright.steps.lease.EXPIRY_SECONDS", 0.3)
    store = MemoryStore()
    layout.create(store, dead().model_copy(update={"pid": 4711}), layout.attempt(TRIAL, 1, "start.json"))
    began = time.monotonic()
    monkeypatch.setattr("tunewright.steps.lease.born", lambda _pid: 1.0)
    assert take(store, TRIAL, 5, now=9.0) is not None
    assert time.monotonic() - began >= 0.3, "its heart was listened to"


def test_a_trial_that_has_an_outcome_of_any_attempt_is_under_way(store: MemoryStore) -> None:
    layout.create(store, dead(2), layout.attempt(TRIAL, 2, "start.json"))
    assert not under_way(store, TRIAL)
    outcome = Outcome(trial=TRIAL, attempt=1, state="TRAINED", started=5.0, ended=6.0)
    layout.create(store, outcome, layout.attempt(TRIAL, 1, "outcome.json"))
    assert under_way(store, TRIAL), "it will be scored"
