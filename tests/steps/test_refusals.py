"""A store that refuses its own users for a moment, as MinIO does while it starts: nothing that runs or has run is lost."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from tests.steps.studies import shell_study
from tests.steps.test_steps import opened

from tunewright.errors import StoreRefused, StoreUnavailable, TunewrightError
from tunewright.steps import lease
from tunewright.steps import watch as watch_module
from tunewright.steps.lease import beating, take
from tunewright.steps.ledger import Ledger
from tunewright.steps.propose import propose
from tunewright.steps.train import train
from tunewright.store import layout
from tunewright.store.directory import DirectoryStore
from tunewright.store.memory import MemoryStore
from tunewright.training import patience
from tunewright.training.local import LocalRunner
from tunewright.trial import Outcome

TRIAL = "0123456789abcdef"
STREAMING = [
    "sh",
    "-c",
    'echo "{{\\"step\\": 1, \\"score\\": {x}}}" > "$TUNEWRIGHT_STREAM"; echo "{{\\"score\\": {x}}}" > "$TUNEWRIGHT_METRICS"; echo on; sleep 1',
]


class Refusing(MemoryStore):
    """Refuses the first writes."""

    left = 3

    def put(self, key: str, data: bytes) -> str:
        self.left -= 1
        if self.left >= 0:
            raise StoreRefused("the server refused with InvalidAccessKeyId")
        return super().put(key, data)


def test_a_heart_that_was_refused_beats_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.02)
    store = Refusing()
    start = take(store, TRIAL, 1, now=1.0)
    assert start is not None
    key, end = layout.attempt(TRIAL, 1, "alive.json"), time.monotonic() + 10
    with beating(store, start):
        while not list(store.list(key)):
            assert time.monotonic() < end, "it must beat on"
            time.sleep(0.02)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = opened(str(tmp_path / "store"), shell_study(command=STREAMING))
    propose(made, "one")
    return made


def refuse(monkeypatch: pytest.MonkeyPatch, name: str, error: TunewrightError, times: int) -> list[threading.Thread]:
    """The store refuses to write objects of this name so many times; returns who asked."""
    asked: list[threading.Thread] = []

    def refusing(verb):
        def act(store: DirectoryStore, key: str, data: bytes) -> str:
            if key.endswith(f"/{name}"):
                asked.append(threading.current_thread())
                if len(asked) <= times:
                    raise error
            return verb(store, key, data)

        return act

    for verb in ("put", "create"):
        monkeypatch.setattr(DirectoryStore, verb, refusing(getattr(DirectoryStore, verb)))
    return asked


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(watch_module, "KEEP_SECONDS", 0.1)


def test_who_keeps_the_stream_is_refused_and_keeps_on(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = refuse(monkeypatch, "metrics.jsonl", StoreRefused("InvalidAccessKeyId"), 2)
    assert train(ledger, "one", 0, 0, runner=LocalRunner()) is not None
    assert len([thread for thread in asked if thread.name.startswith("watch over")]) >= 3


@pytest.mark.parametrize("name", ["metrics.jsonl", "log.txt", "outcome.json"])
@pytest.mark.parametrize("error", [StoreRefused("InvalidAccessKeyId"), StoreUnavailable("no answer")])
def test_a_training_that_has_ended_is_kept(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, name: str, error: TunewrightError
) -> None:
    monkeypatch.setattr(watch_module, "KEEP_SECONDS", 60)  # so that the stream is written at the end only
    refuse(monkeypatch, name, error, 2)
    outcome = train(ledger, "one", 0, 0, runner=LocalRunner())
    assert outcome is not None
    trial = ledger.slot(0, 0).trial
    assert layout.read(ledger.store, Outcome, layout.attempt(trial, 1, "outcome.json")) == outcome
    assert layout.attempt_numbers(ledger.store, trial) == [1]
