"""Learning curves. A curve is pairs of step and value, steps ascending; rules see rewards, of which larger ones are better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Curve: TypeAlias = Sequence[tuple[int, float]]

MOST_POINTS = 48  #: of a curve that is kept with a result


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Another trial of the study, as far as it has come."""

    trial: str
    curve: Curve
    final: float | None = None  #: reward of a complete trial
    stopped: bool = False  #: ended early on purpose

    @property
    def last(self) -> int:
        """The last step it reached, 0 before the first."""
        return self.curve[-1][0] if self.curve else 0

    def at(self, step: int) -> float | None:
        """Its reward at a step; None when it has not come so far. A complete trial stands with the end of its curve after its last step,
        because what scored it may be another program; with its final reward when it has no curve."""
        if self.final is not None and self.last <= step:
            return self.curve[-1][1] if self.curve else self.final
        return value_at(self.curve, step) if self.last >= step else None


def value_at(curve: Curve, step: int) -> float | None:
    """The reward at a step, or at the last one before it that is known; None when there is none."""
    return next((reward for at, reward in reversed(curve) if at <= step), None)


def best_until(curve: Curve, step: int) -> float | None:
    """The best reward up to and including a step, None when there is none."""
    return max((reward for at, reward in curve if at <= step), default=None)


def thin(points: Mapping[int, float], most: int = MOST_POINTS) -> list[tuple[int, float]]:
    """At most ``most`` points of a curve by ascending step: the first, the last, and even ones on a logarithmic scale between."""
    steps = sorted(points)
    if len(steps) > most:
        low, high = math.log1p(steps[0]), math.log1p(steps[-1])
        cells = {round((math.log1p(step) - low) / (high - low) * (most - 3)): step for step in steps[1:-1]}
        steps = [steps[0], *cells.values(), steps[-1]]
    return [(step, points[step]) for step in steps]
