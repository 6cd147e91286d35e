"""From results to what the agent may learn from."""

from __future__ import annotations

from collections.abc import Sequence

from ..agent.verbs import Observation
from ..stopping.curve import Peer
from ..stopping.fidelity import believed_reward
from ..study import Study
from ..trial import Result, SealedRound, Status, resumed
from .peers import known, peer


def observations(study: Study, rounds: Sequence[SealedRound]) -> list[Observation]:
    """One observation a trial, in order: larger rewards are better, None for failed and infeasible ones.

    A stopped trial counts with the full reward that goes with its standing (`fidelity`). LOST trials teach nothing, and a stopped one
    nothing any more once a promoted one has gone on from it.
    """
    taught = known(rounds)
    gone = resumed(taught)
    complete = [peer(study, result) for _, result in taught if result.status is Status.COMPLETE]
    return [
        Observation(configuration=slot.configuration, reward=_reward(study, result, complete), round=result.round)
        for slot, result in taught
        if slot.trial not in gone
    ]


def _reward(study: Study, result: Result, complete: Sequence[Peer]) -> float | None:
    if result.status is Status.STOPPED and result.curve:
        return believed_reward(peer(study, result), complete)
    return None if result.objective is None else study.objective.reward(result.objective)
