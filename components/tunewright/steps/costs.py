"""What a trial has cost: every attempt that began, whatever became of it."""

from __future__ import annotations

from ..store import layout
from ..store.port import Store
from ..trial import AttemptCost, AttemptStart, Cost, Ending, Loss, Outcome
from .lease import GIVEN_BACK, LOST


def cost_of(store: Store, trial: str, *, evaluate_seconds: float = 0.0, gpu_seconds: float = 0.0) -> Cost:
    """The cost of a trial up to now. An attempt that died is charged until its last sign of life.

    GPU seconds of an attempt that died without a word are taken to be the same share of its time as those of one that left word.

    Args:
        evaluate_seconds: of the scoring that counts; those that were lost have left word.
        gpu_seconds: of the same.
    """
    signs = _signs(store, trial)
    numbers = sorted(signs)
    starts = layout.find_all(store, AttemptStart, [layout.attempt(trial, number, "start.json") for number in numbers])
    outcomes = layout.find_all(store, Outcome, [layout.attempt(trial, number, "outcome.json") for number in numbers])
    losses = layout.find_all(store, Loss, [layout.attempt(trial, number, LOST) for number in numbers])
    words = [outcome or loss for outcome, loss in zip(outcomes, losses, strict=True)]
    share = max((word.gpu_seconds / _seconds(word) for word in words if word and _seconds(word)), default=0.0)
    attempts = [
        _attempt(store, start, word, signs[start.attempt], share)
        for start, word in zip(starts, words, strict=True)
        if start is not None
    ]
    lost = [loss for loss in layout.find_all(store, Loss, layout.scores_lost(store, trial)) if loss is not None]
    return Cost(
        train_seconds=sum(attempt.seconds for attempt in attempts),
        evaluate_seconds=max(0.0, evaluate_seconds) + sum(_seconds(loss) for loss in lost),
        gpu_seconds=sum(a.gpu_seconds for a in attempts) + sum(loss.gpu_seconds for loss in lost) + gpu_seconds,
        attempts=attempts,
    )


def _signs(store: Store, trial: str) -> dict[int, float]:
    """Seconds between the first and the last thing that was written for each attempt, all by the clock of the store."""
    prefix = layout.attempts(trial)
    written: dict[int, list[float]] = {}
    for entry in store.list(prefix):
        written.setdefault(int(entry.key[len(prefix) :].split("/")[0]), []).append(entry.modified)
    return {number: max(times) - min(times) for number, times in written.items()}


def _attempt(store: Store, start: AttemptStart, word: Outcome | Loss | None, lived: float, share: float) -> AttemptCost:
    seconds = _seconds(word) if word else lived
    ended: Ending
    if isinstance(word, Outcome):
        ended = word.state
    else:
        given = layout.find(store, AttemptStart, layout.attempt(start.trial, start.attempt, GIVEN_BACK))
        ended = "LOST" if given is None else "GIVEN-BACK"
    return AttemptCost(
        attempt=start.attempt,
        ended=ended,
        seconds=seconds,
        gpu_seconds=word.gpu_seconds if word else seconds * share,
        reason=word.reason if isinstance(word, Loss) else "",
    )


def _seconds(word: Outcome | Loss) -> float:
    return max(0.0, word.ended - word.started)
