"""Asynchronous successive halving (Li et al., *A System for Massively Parallel Hyperparameter Tuning*, 2020).

A rung is a step min_steps eta^k. A trial that comes to a rung goes on if it is among the best 1/eta of all that have come there, itself
included (the first always is); the others stop, and may be promoted when enough worse ones have come after them. Of equals the
earlier goes on: where nothing can be told apart, all but 1/eta stop all the same.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from ..early import HalvingStopping
from .curve import Curve, Peer, value_at


def verdict(settings: HalvingStopping, own: Curve, since: int, peers: Sequence[Peer]) -> str | None:
    """Why the trial should end at its last step, None when it should go on. Rungs up to step ``since`` were asked before."""
    for rung in rungs(settings, own[-1][0]):
        reached = value_at(own, rung)
        if rung <= since or reached is None:
            continue
        others = _there(settings, peers, rung)
        before, keep = others.before(reached), _keep(settings, len(others.rewards) + 1)
        if before >= keep:
            return (
                f"asha: at step {rung}, {before} of {len(others.rewards)} other trials go before it, {keep} may go on"
            )
    return None


def promotions(settings: HalvingStopping, peers: Sequence[Peer]) -> list[str]:
    """Stopped trials that belong to the best of their last rung by now: those that came farthest first, then the best."""
    found = []
    at: dict[int, _Rung] = {}
    for peer in peers:
        rung = max(rungs(settings, peer.last), default=None)
        reached = value_at(peer.curve, rung) if rung is not None and peer.stopped else None
        if rung is None or reached is None:
            continue
        if rung not in at:
            at[rung] = _there(settings, peers, rung)
        if at[rung].before(reached) < _keep(settings, len(at[rung].rewards)):
            found.append((rung, reached, peer.trial))
    return [trial for _, _, trial in sorted(found, key=lambda one: (-one[0], -one[1], one[2]))]


def rungs(settings: HalvingStopping, last: int) -> list[int]:
    """The rungs up to a step, ascending."""
    found, rung = [], settings.min_steps
    while rung <= last:
        found.append(rung)
        rung *= settings.eta
    return found


@dataclass(frozen=True, kw_only=True)
class _Rung:
    """Who has come to a rung: rewards there, ascending."""

    rewards: list[float]  #: of all
    on: list[float]  #: of those that went on from it

    def before(self, reached: float) -> int:
        """Trials that are better, or equal and hold a place already."""
        better = len(self.rewards) - bisect_right(self.rewards, reached)
        return better + bisect_right(self.on, reached) - bisect_left(self.on, reached)


def _there(settings: HalvingStopping, peers: Sequence[Peer], rung: int) -> _Rung:
    come = [(reward, peer) for peer in peers if (reward := peer.at(rung)) is not None]
    on = [reward for reward, peer in come if not peer.stopped or peer.last >= rung * settings.eta]
    return _Rung(rewards=sorted(reward for reward, _ in come), on=sorted(on))


def _keep(settings: HalvingStopping, count: int) -> int:
    return max(1, count // settings.eta)
