"""A study that minimises: the smallest value is the best wherever one is chosen."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.steps.studies import shell_study
from tests.steps.test_steps import opened
from tests.steps.test_views import ends, learn

from tunewright.early import MedianStopping
from tunewright.steps.garbage import garbage
from tunewright.steps.ledger import Ledger
from tunewright.steps.peers import running
from tunewright.steps.propose import propose
from tunewright.steps.report import promote
from tunewright.steps.watch import Rule
from tunewright.stopping.curve import Peer
from tunewright.store import layout
from tunewright.study import Objective
from tunewright.trial import Status

LOSS: dict[str, Any] = {"metric": "loss", "direction": "minimize"}


def test_the_least_loss_is_the_best_the_champion_and_keeps_its_model(tmp_path: Path) -> None:
    ledger = opened(str(tmp_path), shell_study(objective=LOSS, budget={"trials": 8, "parallel_trials": 2}))
    propose(ledger, "one", clock=lambda: 1.0)
    ends(ledger, 0, (Status.COMPLETE, 0.2), (Status.COMPLETE, 0.7))
    learn(ledger, "one", 0)
    plan = ledger.plan(0)
    assert plan is not None
    good, bad = (slot.trial for slot in plan.slots)
    for trial in (good, bad):
        ledger.store.put(layout.attempt(trial, 1, "model/weights"), b"w")
    best = ledger.head()[0].best
    assert best is not None
    assert (best.trial, best.objective) == (good, 0.2)
    gone = [item.key for item in garbage(ledger, now=time.time(), keep_models=1) if "/model/" in item.key]
    assert gone == [layout.attempt(bad, 1, "model/weights")]
    champion = promote(ledger)
    assert champion is not None
    assert champion.trial == good


@pytest.mark.parametrize(("value", "stops"), [(0.1, False), (0.9, True)])
def test_a_rule_stops_the_larger_loss(value: float, stops: bool) -> None:
    peers: Any = SimpleNamespace(look=lambda: [Peer(trial=str(i), curve=[(1, -0.5)]) for i in range(3)])
    rule = Rule(MedianStopping(rule="median", min_trials=3), Objective(**LOSS), peers, 0)
    assert (rule.ask([(1, value)]) is not None) is stops


def test_the_stream_of_another_trial_is_seen_as_rewards(tmp_path: Path) -> None:
    study = shell_study(objective=LOSS)
    ledger: Ledger = opened(str(tmp_path), study)
    ledger.store.put(layout.attempt("a" * 16, 1, "start.json"), b"{}")
    ledger.store.put(layout.attempt("a" * 16, 1, "metrics.jsonl"), b'{"step": 1, "loss": 0.5}\n')
    peer = running(ledger.store, study, "a" * 16)
    assert peer is not None
    assert peer.curve == [(1, -0.5)]
