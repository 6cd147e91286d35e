"""From results to what the agent may learn from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from ..agent.verbs import Observation
from ..stopping.curve import Peer
from ..stopping.fidelity import believed_reward
from ..study import Study
from ..trial import Result, SealedRound, Status, resumed
from .peers import known, peer


def observations(study: Study, rounds: Sequence[SealedRound], session: str) -> list[Observation]:
    """One observation a trial, in order: larger rewards are better, None for failed and infeasible ones.

    A stopped trial counts with the full reward that goes with its standing (`fidelity`). LOST trials teach nothing, and a stopped one
    nothing any more once a promoted one has gone on from it. Nor do failures of sessions before ``session`` up to whose end no trial of the
    study had a value: a program that never ran speaks of itself, not of the space, and what failed may be tried again.
    """
    broken = {
        round_.round
        for round_ in takewhile(lambda one: one.session not in (session, _first_with_value(rounds)), rounds)
    }
    taught = [
        (slot, result)
        for slot, result in known(rounds)
        if result.status is not Status.FAILED or result.round not in broken
    ]
    gone = resumed(taught)
    complete = [peer(study, result) for _, result in taught if result.status is Status.COMPLETE]
    return [
        Observation(configuration=slot.configuration, reward=_reward(study, result, complete), round=result.round)
        for slot, result in taught
        if slot.trial not in gone
    ]


def _first_with_value(rounds: Sequence[SealedRound]) -> str | None:
    """The session in which a trial first had a value."""
    return next((one.session for one in rounds if any(result.objective is not None for result in one.results)), None)


def _reward(study: Study, result: Result, complete: Sequence[Peer]) -> float | None:
    if result.status is Status.STOPPED and result.curve:
        return believed_reward(peer(study, result), complete)
    return None if result.objective is None else study.objective.reward(result.objective)
