"""What a stopped trial is worth to an agent that learns from full results.

Its own value is of less training, so it is neither as bad as it looks nor comparable with what complete trials reached. What is comparable
is where it stood among them at its last step. That standing is read off their final rewards.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .curve import Peer, value_at


def believed_reward(stopped: Peer, complete: Sequence[Peer]) -> float | None:
    """The final reward that goes with a stopped trial's standing; None when it has no value.

    The sorted rewards of the complete trials at its last step are mapped to their sorted final ones, linearly between two. So it never
    counts as more than the best of them, keeps its order among trials stopped at the same step, and lies as far below the worst of them as
    it was behind. Without complete trials its own reward counts: then all are of less training.
    """
    reached = value_at(stopped.curve, stopped.last)
    if reached is None:
        return None
    pairs = [
        (at, peer.final) for peer in complete if peer.final is not None and (at := peer.at(stopped.last)) is not None
    ]
    if not pairs:
        return reached
    then, finals = (np.sort(np.array(column)) for column in zip(*pairs, strict=True))
    # of equals at that step nobody knows which they are: the mean of their ends
    then, place = np.unique(then, return_inverse=True)
    finals = np.bincount(place, weights=finals) / np.bincount(place)
    if reached < then[0]:
        return float(finals[0] - (then[0] - reached))
    return float(np.interp(reached, then, finals))
