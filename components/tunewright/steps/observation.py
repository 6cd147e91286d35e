"""From results to what the agent may learn from."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from itertools import takewhile

from ..agent.verbs import Observation
from ..stopping.curve import Peer
from ..stopping.fidelity import believed_reward
from ..study import Study
from ..trial import Result, SealedRound, Slot, Status, resumed
from .peers import known, peer


def observations(study: Study, rounds: Sequence[SealedRound], first_round: int) -> list[Observation]:
    """One observation a trial, in order: larger rewards are better, None for failed and infeasible ones.

    A stopped trial counts with the full reward that goes with its standing (`fidelity`). LOST trials teach nothing, and a stopped one
    nothing any more once a promoted one has gone on from it. Nor do failures of sessions before the one that began at ``first_round``, up to whose
    end no trial of the study had a value: a program that never ran speaks of itself, not of the space, and what failed may be tried again; once.
    """
    begun = _first_with_value(rounds)
    broken = list(takewhile(lambda one: one.round < first_round and one.session != begun, rounds))
    forgotten = {round_.round for round_ in broken}
    again = _failed_again(broken)
    taught = [
        (slot, result)
        for slot, result in known(rounds)
        if result.status is not Status.FAILED or result.round not in forgotten or _told(slot) in again
    ]
    gone = resumed(taught)
    complete = [peer(study, result) for _, result in taught if result.status is Status.COMPLETE]
    return [
        Observation(configuration=slot.configuration, reward=_reward(study, result, complete), round=result.round)
        for slot, result in taught
        if slot.trial not in gone
    ]


def _failed_again(rounds: Sequence[SealedRound]) -> set[str]:
    """Configurations that have failed in more than one session."""
    failed: dict[str, set[str]] = defaultdict(set)
    for round_ in rounds:
        for slot, result in zip(round_.slots, round_.results, strict=True):
            if result.status is Status.FAILED:
                failed[_told(slot)].add(round_.session)
    return {configuration for configuration, sessions in failed.items() if len(sessions) > 1}


def _told(slot: Slot) -> str:
    return json.dumps(slot.configuration, sort_keys=True)


def _first_with_value(rounds: Sequence[SealedRound]) -> str | None:
    """The session in which a trial first had a value."""
    return next((one.session for one in rounds if any(result.objective is not None for result in one.results)), None)


def _reward(study: Study, result: Result, complete: Sequence[Peer]) -> float | None:
    if result.status is Status.STOPPED and result.curve:
        return believed_reward(peer(study, result), complete)
    return None if result.objective is None else study.objective.reward(result.objective)
