"""A reward model of learning curves: what a trial will reach in the end, from what it has reached, with its doubt.

The gain that is still to come is regressed (ridge) on where the curve stands and how much it rose over the second half of its steps; the
model is fitted at the trial's own step, to the complete trials that went beyond it. Its doubt is the leave-one-out error, widened where
the trial lies outside of what the model has seen.

Notation: ``N`` complete trials; ``x: (N, 2)`` standing and rise; ``gain: (N,)`` what came after.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, median

import numpy as np
import numpy.typing as npt

from ..early import CurveStopping
from .curve import Curve, Peer, value_at

Floats = npt.NDArray[np.float64]
DIVERGED = 10.0  #: times as far below the median as the best is above it
RIDGE = 1.0  #: prior weight of "all gain alike", in trials


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The final reward that a trial is believed to reach."""

    mean: float
    std: float

    def chance(self, best: float) -> float:
        """Probability to be better than ``best``."""
        if self.std <= 0:
            return float(self.mean > best)
        return 1.0 - NormalDist(self.mean, self.std).cdf(best)


def verdict(settings: CurveStopping, own: Curve, peers: Sequence[Peer]) -> str | None:
    """Why the trial should end at its last step, None when it should go on."""
    step = own[-1][0]
    complete = [peer for peer in peers if peer.final is not None and peer.last > step]
    if step < settings.min_steps or len(complete) < settings.min_trials:
        return None
    best = max(peer.final for peer in peers if peer.final is not None)
    with np.errstate(over="ignore", invalid="ignore"):  # of penalties as large as a number can be
        expected = forecast(own, _sound(complete))
    chance = expected.chance(best)
    if not chance < settings.chance:  # nor where it cannot be told
        return None
    return (
        f"curve: at step {step} the chance to become the best is {chance:.2g}, below {settings.chance:g} "
        f"(expected reward {expected.mean:.4g} ± {expected.std:.2g}, best {best:.4g})"
    )


def _sound(complete: Sequence[Peer]) -> list[Peer]:
    """Without trials that have diverged: one of them would widen the doubt about all others until nobody is stopped any more."""
    finals = [peer.final or 0.0 for peer in complete]
    best, middle = max(finals), median(finals)
    return [peer for peer in complete if (peer.final or 0.0) >= middle - DIVERGED * (best - middle)]


def forecast(own: Curve, complete: Sequence[Peer]) -> Forecast:
    """The end of a curve, from complete trials that went beyond its last step."""
    step = own[-1][0]
    x = np.array([_features(peer.curve, step) for peer in complete])
    gain = np.array([(peer.final or 0.0) - row[0] for peer, row in zip(complete, x, strict=True)])
    here = np.array(_features(own, step))
    centre, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    z, at = (x - centre) / scale, (here - centre) / scale
    inverse = np.linalg.inv(z.T @ z + RIDGE * np.eye(z.shape[1]))
    weights = inverse @ z.T @ (gain - gain.mean())
    leverage = 1 / len(z) + np.einsum("nd,de,ne->n", z, inverse, z)
    error = (gain - gain.mean() - z @ weights) / (1 - np.minimum(leverage, 0.95))
    widened = 1.0 + 1 / len(z) + float(at @ inverse @ at)
    return Forecast(mean=float(here[0] + gain.mean() + at @ weights), std=math.sqrt(float(np.mean(error**2)) * widened))


def _features(curve: Curve, step: int) -> tuple[float, float]:
    """Where a curve stands at a step, and its rise since half of it."""
    standing = value_at(curve, step)
    if standing is None:
        standing = curve[0][1]
    half = value_at(curve, step // 2)
    return standing, standing - (standing if half is None else half)
