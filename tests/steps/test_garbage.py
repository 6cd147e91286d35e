"""What may go, and what a session may still need."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.steps.studies import shell_study
from tests.steps.test_observation import result, sealed, slot
from tests.steps.test_steps import opened

from tunewright.steps.garbage import garbage, remove
from tunewright.steps.ledger import Ledger
from tunewright.steps.open import open_session
from tunewright.store import layout
from tunewright.trial import Best, Champion, Plan, PolicyRecord, SealedRound, Status, SurrogateRecord

A, B, C = ("a" * 16, "b" * 16, "c" * 16)


def past(place: Path, *rounds: SealedRound) -> Ledger:
    """A study with these rounds behind it, every trial with a checkpoint and a model."""
    ledger = opened(str(place), shell_study(stopping={"rule": "asha"}))
    for round_ in rounds:
        layout.create(ledger.store, round_, layout.sealed(round_.round))
        for trial in (one.trial for one in round_.slots):
            ledger.store.put(layout.attempt(trial, 1, "checkpoint.json"), b"{}")
            ledger.store.put(layout.attempt(trial, 1, "model/weights"), b"w")
    ledger.advance(*ledger.head(), round=len(rounds))
    return ledger


def gone(ledger: Ledger, part: str, keep_models: int | None = None) -> list[str]:
    """Trials of which this part may go."""
    keys = [item.key.split("/") for item in garbage(ledger, now=time.time(), keep_models=keep_models)]
    return sorted(key[1] for key in keys if key[0] == "trials" and key[4] == part)


@pytest.mark.parametrize(("status", "expected"), [(Status.COMPLETE, [A, B]), (Status.LOST, [B])])
def test_the_checkpoint_that_a_lost_promotion_went_on_from_stays(
    tmp_path: Path, status: Status, expected: list[str]
) -> None:
    first = sealed(0, (slot(A, 0.1), result(A, 0, Status.STOPPED, [(1, 0.9)])))
    second = sealed(1, (slot(B, 0.1, "promotion", A), result(B, 1, status, [(1, 0.9), (2, 0.9)])))
    assert gone(past(tmp_path, first, second), "checkpoint.json") == expected


def test_the_best_whose_models_stay_are_trained_to_the_end(tmp_path: Path) -> None:
    trials = [(A, Status.COMPLETE, 0.5), (B, Status.STOPPED, 0.9), (C, Status.COMPLETE, 0.4)]
    ledger = past(
        tmp_path, sealed(0, *((slot(trial, 0.1), result(trial, 0, status, [(1, value)])) for trial, status, value in trials))
    )  # fmt: skip
    assert gone(ledger, "model", keep_models=1) == [B, C]
    assert gone(ledger, "model", keep_models=2) == [B]
    assert gone(ledger, "model") == []


def test_the_champions_model_and_the_weights_of_the_open_round_stay(tmp_path: Path) -> None:
    ended = [(slot(id_, 0.1), result(id_, 0, Status.COMPLETE, [(1, value)])) for id_, value in ((A, 0.5), (B, 0.9))]
    ledger = past(tmp_path, sealed(0, *ended))
    champion = Champion(
        trial=A, session="one", round=0, configuration={"x": 0.1}, objective=0.5, model={}, generation=0
    )
    layout.create(ledger.store, champion, layout.CHAMPION)
    assert gone(ledger, "model", keep_models=0) == [B]
    digest = layout.put_blob(ledger.store, b"policy of the open round")
    record = PolicyRecord(round=1, blob=digest, real_updates=0, predicted_updates=0, kl=[], horizon="")
    layout.create(ledger.store, record, layout.policy(1))
    assert not [item for item in garbage(ledger, now=time.time() + 1e5) if item.key == layout.blob(digest)]


def test_the_checkpoint_of_a_trial_that_still_runs_stays(tmp_path: Path) -> None:
    ledger = past(tmp_path, sealed(0, (slot(A, 0.1), result(A, 0, Status.COMPLETE, [(1, 0.9)]))))
    for name in ("checkpoint.json", "model/weights"):
        ledger.store.put(layout.attempt(B, 1, name), b"of the open round")
    assert gone(ledger, "checkpoint.json") == [A]
    assert gone(ledger, "model", keep_models=0) == [A]


def test_the_checkpoint_from_which_the_open_round_goes_on_stays_whatever_the_latest_session_s_rule(
    tmp_path: Path,
) -> None:
    ledger = past(tmp_path, sealed(0, (slot(A, 0.1), result(A, 0, Status.STOPPED, [(1, 0.9)]))))
    plan = Plan(round=1, session="one", generation=0, seed=0, slots=[slot(B, 0.1, "promotion", A)])
    layout.create(ledger.store, plan, layout.plan(1))
    open_session(str(tmp_path), shell_study(), "two", base=tmp_path, now=time.time())
    assert gone(ledger, "checkpoint.json") == []


def test_the_reward_model_of_the_open_round_stays(tmp_path: Path) -> None:
    ledger = past(tmp_path, sealed(0, (slot(A, 0.1), result(A, 0, Status.COMPLETE, [(1, 0.9)]))))
    digest = layout.put_blob(ledger.store, b"reward model of the open round")
    record = SurrogateRecord(round=1, model="gp", blob=digest, fitted=True, observations=1, r2=None)
    layout.create(ledger.store, record, layout.surrogate(1))
    assert not [item for item in garbage(ledger, now=time.time() + 1e5) if item.key == layout.blob(digest)]


def test_the_model_of_the_best_stays_until_it_is_champion(tmp_path: Path) -> None:
    ended = [(slot(id_, 0.1), result(id_, 0, Status.COMPLETE, [(1, value)])) for id_, value in ((A, 0.5), (B, 0.9))]
    ledger = past(tmp_path, sealed(0, *ended))
    ledger.advance(*ledger.head(), best=Best(trial=B, objective=0.9))
    assert gone(ledger, "model", keep_models=0) == [A]


@pytest.mark.parametrize("again", ["stored", "named", "not"])
def test_weights_that_are_needed_again_since_they_were_found_stay(tmp_path: Path, again: str) -> None:
    ledger = past(tmp_path)
    digest = layout.put_blob(ledger.store, b"weights of a step that was killed")
    later = time.time() + 1e5
    (found,) = [item for item in garbage(ledger, now=later) if item.key == layout.blob(digest)]
    if again == "named":
        record = PolicyRecord(round=0, blob=digest, real_updates=0, predicted_updates=0, kl=[], horizon="")
        layout.create(ledger.store, record, layout.policy(0))
    now = time.time() if again == "stored" else later
    assert remove(ledger, found, now=now) is (again == "not")
    assert bool(list(ledger.store.list(found.key))) is (again != "not")
