"""Asynchronous successive halving (Li et al., *A System for Massively Parallel Hyperparameter Tuning*, 2020).

A rung is a step min_steps eta^k. A trial that comes to a rung goes on if it is among the best 1/eta of all that have come there, itself
included (the first always is); the others stop, and may be promoted when enough worse ones have come after them. Of equals the
earlier goes on: where nothing can be told apart, all but 1/eta stop all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..early import HalvingStopping
from .curve import Curve, Peer, value_at


def verdict(settings: HalvingStopping, own: Curve, since: int, peers: Sequence[Peer]) -> str | None:
    """Why the trial should end at its last step, None when it should go on. Rungs up to step ``since`` were asked before."""
    for rung in rungs(settings, own[-1][0]):
        reached = value_at(own, rung)
        if rung <= since or reached is None:
            continue
        others = _there(settings, peers, rung)
        before, keep = _before(others, reached), _keep(settings, len(others) + 1)
        if before >= keep:
            return f"asha: at step {rung}, {before} of {len(others)} other trials go before it, {keep} may go on"
    return None


def promotions(settings: HalvingStopping, peers: Sequence[Peer]) -> list[str]:
    """Stopped trials that belong to the best of their last rung by now: those that came farthest first, then the best."""
    found = []
    for peer in peers:
        rung = max(rungs(settings, peer.last), default=None)
        reached = value_at(peer.curve, rung) if rung is not None and peer.stopped else None
        if rung is None or reached is None:
            continue
        there = _there(settings, peers, rung)
        if _before(there, reached) < _keep(settings, len(there)):
            found.append((rung, reached, peer.trial))
    return [trial for _, _, trial in sorted(found, key=lambda one: (-one[0], -one[1], one[2]))]


def rungs(settings: HalvingStopping, last: int) -> list[int]:
    """The rungs up to a step, ascending."""
    found, rung = [], settings.min_steps
    while rung <= last:
        found.append(rung)
        rung *= settings.eta
    return found


def _there(settings: HalvingStopping, peers: Sequence[Peer], rung: int) -> list[tuple[float, bool]]:
    """Reward at a rung of every trial that has come there, and whether it went on from it."""
    return [
        (reward, not peer.stopped or peer.last >= rung * settings.eta)
        for peer in peers
        if (reward := peer.at(rung)) is not None
    ]


def _before(there: Sequence[tuple[float, bool]], reached: float) -> int:
    """Trials that are better, or equal and hold a place already."""
    return sum(reward > reached or (reward == reached and went_on) for reward, went_on in there)


def _keep(settings: HalvingStopping, count: int) -> int:
    return max(1, count // settings.eta)
