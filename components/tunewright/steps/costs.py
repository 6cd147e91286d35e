"""What a trial has cost: every attempt that began, whatever became of it."""

from __future__ import annotations

from ..store import layout
from ..store.port import Store
from ..trial import AttemptCost, AttemptStart, Cost, Ending, Loss, Outcome
from .lease import GIVEN_BACK, LOST


def cost_of(store: Store, trial: str, *, evaluate_seconds: float = 0.0) -> Cost:
    """The cost of a trial up to now. An attempt that died is charged until its last sign of life.

    GPU seconds of an attempt that left no outcome are taken to be as those of one that did.
    """
    last = _last_signs(store, trial)
    numbers = sorted(last)
    starts = layout.find_all(store, AttemptStart, [layout.attempt(trial, number, "start.json") for number in numbers])
    outcomes = layout.find_all(store, Outcome, [layout.attempt(trial, number, "outcome.json") for number in numbers])
    gpu = any(outcome.gpu for outcome in outcomes if outcome is not None)
    attempts = [
        _attempt(store, start, outcome, last[start.attempt], gpu=gpu)
        for start, outcome in zip(starts, outcomes, strict=True)
        if start is not None
    ]
    return Cost(
        train_seconds=sum(attempt.seconds for attempt in attempts),
        evaluate_seconds=max(0.0, evaluate_seconds),
        gpu_seconds=sum(attempt.gpu_seconds for attempt in attempts),
        attempts=attempts,
    )


def _last_signs(store: Store, trial: str) -> dict[int, float]:
    """When anything was last written for each attempt."""
    prefix = layout.attempts(trial)
    last: dict[int, float] = {}
    for entry in store.list(prefix):
        number = int(entry.key[len(prefix) :].split("/")[0])
        last[number] = max(last.get(number, 0.0), entry.modified)
    return last


def _attempt(store: Store, start: AttemptStart, outcome: Outcome | None, last: float, *, gpu: bool) -> AttemptCost:
    ended: Ending
    if outcome is not None:
        ended, until, reason = outcome.state, outcome.ended, ""
    else:
        loss = layout.find(store, Loss, layout.attempt(start.trial, start.attempt, LOST))
        given = layout.find(store, AttemptStart, layout.attempt(start.trial, start.attempt, GIVEN_BACK))
        ended = "LOST" if given is None else "GIVEN-BACK"
        until, reason = (loss.ended, loss.reason) if loss else (last, "")
    seconds = max(0.0, until - start.started)
    return AttemptCost(
        attempt=start.attempt, ended=ended, seconds=seconds, gpu_seconds=seconds if gpu else 0.0, reason=reason
    )
