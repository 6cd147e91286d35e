"""Rewards as targets of a reward model: tails tamed, failures imputed, standardised.

Notation: ``N`` observations; ``rewards: (N,)``, NaN for failed or infeasible ones; ``y: (N,)`` targets of mean 0 and deviation 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..grid import Array

DEPTH = 4.0  #: spreads into which all that is far below the median is compressed
RESTORED = 0.95  #: share of DEPTH down to which the way back is followed
LEAST = 2  #: successful observations without which nothing can be learnt
FIRST = 16
"""Oldest results whose median sets the unit where a space has unordered parameters. That of all results nears the best as a search comes to
its end, and what is below it is compressed: the worse values of a choice would all look alike, with no slope to their own best."""


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """A monotone map from rewards to targets and back.

    The half of the rewards above the median sets the unit ``spread``. Rewards more than one spread below the median are compressed
    (Box-Cox of power -1/DEPTH), to at most 1 + DEPTH spreads: one diverged training must not make all good configurations look alike.
    """

    median: float
    spread: float
    mean: float
    deviation: float

    def targets(self, rewards: Array) -> Array:
        """Targets ``(N,)`` of rewards without NaN."""
        return np.asarray((self._compress(rewards) - self.mean) / self.deviation)

    def rewards(self, mean: Array, std: Array) -> tuple[Array, Array]:
        """Belief in reward units; the deviation by the delta method where the map is curved."""
        compressed = mean * self.deviation + self.mean
        excess = np.clip((self.median - compressed) / self.spread - 1.0, 0.0, RESTORED * DEPTH)
        below = (1.0 - excess / DEPTH) ** -DEPTH
        restored = np.where(excess > 0, self.median - self.spread * below, compressed)
        return restored, std * self.deviation * below ** (1.0 + 1.0 / DEPTH)

    def _compress(self, rewards: Array) -> Array:
        below = np.maximum((self.median - rewards) / self.spread, 1.0)
        return np.where(
            below > 1.0, self.median - self.spread * (1.0 + DEPTH * (1.0 - below ** (-1.0 / DEPTH))), rewards
        )

    def plain(self) -> dict[str, Any]:
        return {"median": self.median, "spread": self.spread, "mean": self.mean, "deviation": self.deviation}


def scale(rewards: Array, *, steady: bool = False) -> tuple[Array, Scaling] | None:
    """Targets and their scaling; None with fewer than two successes.

    Failures are imputed at the worst success, or below it where all successes are equal.

    Args:
        steady: whether the FIRST rewards set the unit for all that follow, oldest first.
    """
    known = rewards[~np.isnan(rewards)]
    if len(known) < LEAST:
        return None
    median = float(np.median(known[:FIRST] if steady else known))
    spread = float(known.max()) - median or float(known.std()) or 1.0
    worst = float(known.min()) if known.max() > known.min() else float(known.min()) - spread
    filled = np.where(np.isnan(rewards), worst, rewards)
    rough = Scaling(median=median, spread=spread, mean=0.0, deviation=1.0)
    compressed = rough.targets(filled)
    deviation = float(compressed.std())
    tiny = 1e-12 * float(np.abs(compressed).max())
    scaling = Scaling(
        median=median, spread=spread, mean=float(compressed.mean()), deviation=deviation if deviation > tiny else 1.0
    )
    return scaling.targets(filled), scaling


def stepped(rewards: Array) -> Array:
    """The same rewards, unless most successes are equal: then ``(N,)`` in which what is worse than these is better than they are.

    Such a plateau is where training does nothing: trees that name the larger class whatever they are shown, a network that has not
    begun to learn. What leaves it does something, if only harm, and what is better lies there; a model of the rewards themselves keeps
    away from it, and one lucky result does not change that. So what is worse stands above the plateau, by half of the least difference seen
    and by as much again the less it harms; by half as much where something is better, which stays so. It ends when the others are half
    of all, so that no more than half of a search goes there in vain.
    """
    values, counts = np.unique(rewards[~np.isnan(rewards)], return_counts=True)
    if counts.max(initial=0) * 2 <= counts.sum():
        return rewards
    plateau = values[counts.argmax()]
    worse = rewards < plateau
    harm = plateau - rewards[worse]
    least = np.abs(values[values != plateau] - plateau).min(initial=np.inf)
    room = 0.5 * least if values[-1] == plateau else 0.25 * least
    result = rewards.copy()
    result[worse] = plateau + room * (1.0 + least / harm)
    return result
