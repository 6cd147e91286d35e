"""From terminal rewards to advantages.

The reward of an episode comes at its end and the discount is 1 (paper), so every decision of a configuration has the same return and
the same advantage: no critic and no GAE are needed.

Notation: ``B`` configurations; ``rewards: (B,)`` and ``reference: (N,)`` what they are compared with (it contains them). NaN is a failed
or infeasible configuration and counts as worse than all others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..preset import AgentSettings
from .grid import Array

BASELINE_DECAY = 0.9
"""Share of the moving baseline that an update keeps; the paper leaves the baseline open."""


def advantages(
    rewards: Array, reference: Array, settings: AgentSettings, baseline: float | None
) -> tuple[Array, float | None]:
    """Advantages ``(B,)`` and the next baseline.

    raw: reward minus a moving mean of rewards (the first batch is compared with its own mean).
    zscore: (reward - mean) / standard deviation of the reference.
    rank: mid-rank within the reference, from -1 (worst) to 1 (best).
    """
    filled, others = impute(rewards, reference), impute(reference, reference)
    if settings.advantage == "rank":
        return ranks(filled, others), baseline
    if settings.advantage == "zscore":
        spread = others.std()
        return (filled - others.mean()) / (spread if spread > 0 else 1.0), baseline
    before = float(filled.mean()) if baseline is None else baseline
    return filled - before, BASELINE_DECAY * before + (1 - BASELINE_DECAY) * float(filled.mean())


def impute(rewards: Array, reference: Array) -> Array:
    """``rewards`` with failures one standard deviation below the worst of the reference, 0 when everything failed.

    Where successes do not differ, a failure stands below them by their own size.
    """
    known = reference[~np.isnan(reference)]
    if not len(known):
        return np.where(np.isnan(rewards), 0.0, rewards)
    worst = float(known.min())
    below = float(known.std()) or abs(worst) or 1.0
    return np.where(np.isnan(rewards), worst - below, rewards)


def ranks(values: Array, reference: Array) -> Array:
    """Mid-ranks of ``values`` within ``reference``, scaled to [-1, 1]."""
    ordered = np.sort(reference)
    below: npt.NDArray[np.int64] = np.searchsorted(ordered, values, side="left")
    upto: npt.NDArray[np.int64] = np.searchsorted(ordered, values, side="right")
    return np.asarray((below + upto) / max(len(reference), 1) - 1.0)
