"""From results to what the agent may learn from."""

from __future__ import annotations

from collections.abc import Iterable

from ..agent.verbs import Observation
from ..study import Study
from ..trial import Result, SealedRound, Slot, Status


def observations(study: Study, rounds: Iterable[SealedRound]) -> list[Observation]:
    """One observation a trial, in order: larger rewards are better, None for failed and infeasible ones. LOST trials teach nothing."""
    return [
        Observation(configuration=slot.configuration, reward=_reward(study, result), round=sealed.round)
        for sealed in rounds
        for slot, result in _known(sealed)
    ]


def _known(sealed: SealedRound) -> Iterable[tuple[Slot, Result]]:
    return (
        (slot, result)
        for slot, result in zip(sealed.slots, sealed.results, strict=True)
        if result.status is not Status.LOST
    )


def _reward(study: Study, result: Result) -> float | None:
    return None if result.objective is None else study.objective.reward(result.objective)
