"""Which trials of the past a trial is held against."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.steps.test_observation import STUDY, result, sealed, slot
from tests.steps.test_stopping import learn, opened, planned, run_slot, slow_study

from tunewright.steps import watch
from tunewright.steps.lease import take
from tunewright.steps.ledger import Ledger
from tunewright.steps.peers import Peers, ended_peers, running
from tunewright.steps.watch import Rule
from tunewright.store import layout
from tunewright.trial import Slot, Status


@pytest.mark.parametrize(
    ("status", "there"), [(Status.COMPLETE, ["b"]), (Status.FAILED, ["b"]), (Status.LOST, ["a", "b"])]
)
def test_a_stopped_trial_whose_promotion_was_lost_may_be_promoted_again(status: Status, there: list[str]) -> None:
    first = sealed(0, (slot("a", 0.1), result("a", 0, Status.STOPPED, [(1, 0.9)])))
    second = sealed(1, (slot("b", 0.1, "promotion", "a"), result("b", 1, status)))
    peers = ended_peers(STUDY, [first, second])
    assert [(peer.trial, peer.stopped) for peer in peers] == [(trial, trial == "a") for trial in there]


def streams(ledger: Ledger, slot: int, *rows: tuple[int, float], attempt: int = 1) -> str:
    """A trial of the open round that runs elsewhere, as far as its stream shows."""
    trial = ledger.slot(0, slot).trial
    if not layout.attempt_numbers(ledger.store, trial):
        assert take(ledger.store, trial, 5, now=0.0) is not None
    lines = "".join(f'{{"step": {step}, "score": {value}}}\n' for step, value in rows)
    ledger.store.put(layout.attempt(trial, attempt, "metrics.jsonl"), lines.encode())
    return trial


def rule(ledger: Ledger, slot: int) -> Rule:
    study, session = ledger.record().study, ledger.session("one")
    peers = Peers(ledger=ledger, study=study, round=0, own=ledger.slot(0, slot))
    return Rule(session.stopping, study.objective, peers, 0)


def test_a_rung_that_was_passed_is_not_asked_again_when_better_trials_have_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PEERS_SECONDS", 0.0)
    monkeypatch.setattr(watch, "PEER_SECONDS", 0.0)
    ledger = opened(tmp_path, slow_study(tmp_path), [0.2, 0.9])
    asked = rule(ledger, 0)
    assert asked.ask([(3, 0.06)]) is None, "the first at step 3 goes on"
    streams(ledger, 1, (3, 0.27))
    assert asked.ask([(3, 0.06), (4, 0.08)]) is None, "it was judged at step 3"


def test_the_other_trials_are_looked_at_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PEERS_SECONDS", 0.0)
    monkeypatch.setattr(watch, "PEER_SECONDS", 0.0)
    ledger = opened(tmp_path, slow_study(tmp_path), [0.2, 0.9])
    asked = rule(ledger, 0)
    assert asked.ask([(2, 0.04)]) is None
    streams(ledger, 1, (3, 0.27))
    assert asked.ask([(2, 0.04), (3, 0.06)]) is not None


def test_the_stream_of_the_latest_attempt_speaks_for_a_trial(tmp_path: Path) -> None:
    ledger = opened(tmp_path, slow_study(tmp_path), [0.2, 0.9])
    trial = streams(ledger, 1, (1, 0.09), (2, 0.18))
    start = layout.attempt(trial, 1, "start.json")
    ledger.store.put(layout.attempt(trial, 2, "start.json"), ledger.store.get(start).data)
    found = running(ledger.store, ledger.record().study, trial)
    assert found is not None
    assert found.last == 2, "the second attempt has none yet"
    streams(ledger, 1, (1, 0.09), (2, 0.18), (3, 0.27), attempt=2)
    found = running(ledger.store, ledger.record().study, trial)
    assert found is not None
    assert found.last == 3


@pytest.mark.parametrize("own", [0, 1])
def test_a_trial_that_is_gone_on_from_does_not_count_beside_the_one_that_goes_on(tmp_path: Path, own: int) -> None:
    ledger = opened(tmp_path, slow_study(tmp_path, hold=9), [0.9, 0.5])
    stopped = [run_slot(ledger, 0, slot) for slot in range(2)][1]
    learn(ledger, 0)
    promoted = Slot(trial="", configuration={"x": 0.5}, origin="promotion", resumes=stopped.trial)
    planned(ledger, 1, [promoted, Slot(trial="", configuration={"x": 0.3}, origin="random")])
    peers = Peers(ledger=ledger, study=ledger.record().study, round=1, own=ledger.slot(1, own))
    assert [peer.trial for peer in peers.look()] == [ledger.slot(0, 0).trial]
