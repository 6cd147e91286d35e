"""The median rule (Golovin et al., *Google Vizier*, 2017, section 3.2), a trial's best value so far against the others' values there."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from ..early import MedianStopping
from .curve import Curve, Peer, best_until


def verdict(settings: MedianStopping, own: Curve, peers: Sequence[Peer]) -> str | None:
    """Why the trial should end at its last step, None when it should go on."""
    step = own[-1][0]
    reached = best_until(own, step)
    others = [reward for peer in peers if (reward := peer.at(step)) is not None]
    if step < settings.min_steps or len(others) < settings.min_trials or reached is None or reached >= median(others):
        return None
    better = sum(reward > reached for reward in others)
    return f"median: at step {step}, {better} of {len(others)} other trials are better"
