"""What a trial has cost, from the words that its attempts have left."""

from __future__ import annotations

import time

from tunewright.steps.costs import cost_of
from tunewright.store import layout
from tunewright.store.memory import MemoryStore
from tunewright.trial import AttemptStart, Heartbeat, Loss, Outcome

TRIAL = "0123456789abcdef"
HOUR = 3600.0


def begun(store: MemoryStore, attempt: int, started: float) -> None:
    start = AttemptStart(trial=TRIAL, attempt=attempt, host="h", boot="b", pid=1, process_started=0.0, started=started)
    layout.create(store, start, layout.attempt(TRIAL, attempt, "start.json"))


def beats(store: MemoryStore, attempt: int) -> None:
    time.sleep(0.01)
    layout.create(store, Heartbeat(attempt=attempt, beat=1), layout.attempt(TRIAL, attempt, "alive.json"))


def lost(store: MemoryStore, attempt: int, key: str, ended: float, gpu_seconds: float) -> None:
    begun(store, attempt, 0.0)
    loss = Loss(trial=TRIAL, attempt=attempt, reason="evicted", started=0.0, ended=ended, gpu_seconds=gpu_seconds)
    layout.create(store, loss, layout.attempt(TRIAL, attempt, key))


def trained(store: MemoryStore, attempt: int, ended: float, gpu_seconds: float) -> None:
    begun(store, attempt, 0.0)
    outcome = Outcome(trial=TRIAL, attempt=attempt, state="TRAINED", started=0.0, ended=ended, gpu_seconds=gpu_seconds)
    layout.create(store, outcome, layout.attempt(TRIAL, attempt, "outcome.json"))


def test_gpu_seconds_are_those_that_were_told_whatever_the_wait_before():
    store = MemoryStore()
    trained(store, 1, 2 * HOUR, 8 * HOUR)  # an hour in a queue, an hour on eight GPUs
    cost = cost_of(store, TRIAL)
    assert (cost.train_seconds, cost.gpu_seconds) == (2 * HOUR, 8 * HOUR)
    assert [attempt.gpu_seconds for attempt in cost.attempts] == [8 * HOUR]


def test_a_trial_whose_attempts_were_all_lost_has_cost_gpus():
    store = MemoryStore()
    for attempt in (1, 2):
        lost(store, attempt, "lost.json", HOUR, 2 * HOUR)
    cost = cost_of(store, TRIAL)
    assert (cost.train_seconds, cost.gpu_seconds) == (2 * HOUR, 4 * HOUR)
    assert [(attempt.ended, attempt.reason) for attempt in cost.attempts] == [("LOST", "evicted")] * 2


def test_an_attempt_that_left_no_word_is_charged_gpus_by_what_the_others_have_told():
    store = MemoryStore()
    trained(store, 2, 10.0, 5.0)
    begun(store, 1, 0.0)
    beats(store, 1)
    cost = cost_of(store, TRIAL)
    silent, told = cost.attempts
    assert (silent.ended, told.ended) == ("LOST", "TRAINED")
    assert silent.seconds > 0
    assert silent.gpu_seconds == silent.seconds / 2


def test_an_attempt_that_left_no_word_is_charged_by_the_clock_of_the_store_alone():
    store = MemoryStore()
    begun(store, 1, time.time() - HOUR)  # the pod's clock is late
    begun(store, 2, time.time() + HOUR)  # and this one's early
    for attempt in (1, 2):
        beats(store, attempt)
    cost = cost_of(store, TRIAL)
    assert all(0 < attempt.seconds < HOUR / 2 for attempt in cost.attempts)


def test_scoring_is_counted_how_often_it_was_lost_included():
    store = MemoryStore()
    trained(store, 1, HOUR, HOUR)
    for times in (1, 2):
        lost(store, 1, f"score/lost-{times}.json", 60.0, 30.0)
    store.put(layout.attempt(TRIAL, 1, "model/score/lost-1.json"), b"a file of the model")
    cost = cost_of(store, TRIAL, evaluate_seconds=10.0, gpu_seconds=5.0)
    assert (cost.train_seconds, cost.evaluate_seconds, cost.gpu_seconds) == (HOUR, 130.0, HOUR + 65.0)
