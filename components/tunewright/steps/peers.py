"""The curves of a study's other trials, for the rule that may stop one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import NotFound
from ..stopping.curve import Curve, Peer
from ..store import layout
from ..store.port import Store
from ..study import Objective, Study
from ..training.runner import STREAM
from ..training.stream import points
from ..trial import Result, SealedRound, Slot, Status, resumed
from .ledger import Ledger


def rewards(objective: Objective, curve: Curve) -> list[tuple[int, float]]:
    """A curve of the objective's metric with the sign that makes larger better."""
    return [(step, objective.reward(value)) for step, value in curve]


def peer(study: Study, result: Result) -> Peer:
    """A trial that has ended."""
    complete = result.status is Status.COMPLETE and result.objective is not None
    return Peer(
        trial=result.trial,
        curve=rewards(study.objective, result.curve),
        final=study.objective.reward(result.objective or 0.0) if complete else None,
        stopped=result.status is Status.STOPPED,
    )


def ended_peers(study: Study, sealed: Sequence[SealedRound]) -> list[Peer]:
    """All trials of sealed rounds. One that another trial has resumed does not count beside it."""
    gone, results = resumed(known(sealed)), [result for round_ in sealed for result in round_.results]
    return [peer(study, result) for result in results if result.trial not in gone]


def known(sealed: Sequence[SealedRound]) -> list[tuple[Slot, Result]]:
    """Slots with their results, in order, without those that the platform lost."""
    pairs = [pair for round_ in sealed for pair in zip(round_.slots, round_.results, strict=True)]
    return [(slot, result) for slot, result in pairs if result.status is not Status.LOST]


@dataclass
class Peers:
    """The other trials of one trial, as the store shows them; those that have ended are read once."""

    ledger: Ledger
    study: Study
    round: int
    own: Slot
    _past: list[Peer] | None = None
    _ended: dict[str, Peer] = field(default_factory=dict)

    def look(self) -> list[Peer]:
        """All of them as they are now. Raises StoreUnavailable."""
        plan = self.ledger.plan(self.round)
        slots = [slot for slot in plan.slots if slot.trial != self.own.trial] if plan else []
        promoted = {slot.resumes for slot in [*slots, self.own]}
        if self._past is None:
            self._past = ended_peers(self.study, self.ledger.sealed(range(self.round)))
        running = [found for slot in slots if (found := self._sibling(slot.trial)) is not None]
        return [past for past in self._past if past.trial not in promoted] + running

    def _sibling(self, trial: str) -> Peer | None:
        if trial not in self._ended:
            result = self.ledger.result(trial)
            if result is None:
                return running(self.ledger.store, self.study, trial)
            self._ended[trial] = peer(self.study, result)
        return self._ended[trial]


def running(store: Store, study: Study, trial: str) -> Peer | None:
    """A trial without a result, by its stream; None before it has one."""
    found = latest_stream(store, trial, study.objective.metric)
    return Peer(trial=trial, curve=rewards(study.objective, list(found.items()))) if found else None


def latest_stream(store: Store, trial: str, metric: str) -> dict[int, float]:
    """A metric by step in the stream of the latest attempt that has one; nothing before any has."""
    for number in reversed(layout.attempt_numbers(store, trial)):
        found = stream_of(store, trial, number, metric)
        if found:
            return found
    return {}


def stream_of(store: Store, trial: str, attempt: int, metric: str) -> dict[int, float]:
    """A metric by step in the stored stream of an attempt; nothing when there is none."""
    try:
        data = store.get(layout.attempt(trial, attempt, STREAM)).data
    except NotFound:
        return {}
    return points(data.splitlines(), metric)
