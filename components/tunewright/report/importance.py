"""Which parameters mattered: PED-ANOVA, after Watanabe, Bansal and Hutter (2023).

Notation: ``N`` trials in which a parameter was active; ``G`` cells of its unit interval; ``D`` parameters; ``S`` resamples.

A parameter matters when the best trials have other values of it than all trials do. Its importance is the Pearson divergence
``sum_g p_g (q_g / p_g - 1)^2`` (equation 8) of the density ``q`` of the best quarter from the density ``p`` of all trials, both
smoothed over the unit interval. Trials that FAILED or were INFEASIBLE count as worst: the parameters that cause failures matter too.

The interval is the bootstrap's 10th to 90th percentile over trials. The chance level is the 95th percentile of what the same
parameter scores after the objectives have been shuffled: what lies below it may be noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..space import Parameter, Space
from ..study import Objective
from ..trial import Status
from .trials import Trial

LEAST_TRIALS = 10  #: fewer say nothing about importance
TOP = 0.25  #: share of the trials that are "the best"
CELLS = 48
RESAMPLES = 100
MOST_TRIALS = 2000  #: the latest are asked when there are more

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Importance:
    """Of one parameter; ``share``, ``low``, ``high`` and ``chance`` are on one scale, on which the shares add up to 1."""

    parameter: str
    share: float
    low: float
    high: float
    chance: float

    @property
    def clear(self) -> bool:
        """True when it matters more than chance explains."""
        return self.share > self.chance


def importances(space: Space, trials: Sequence[Trial], objective: Objective, *, seed: int = 0) -> list[Importance]:
    """Parameters by importance, largest first; empty when too few trials say something.

    Parameters that were active in fewer than `LEAST_TRIALS` trials are left out.
    """
    asked = [(trial, _reward(trial, objective)) for trial in trials]
    known = [(trial, reward) for trial, reward in asked if reward is not None][-MOST_TRIALS:]
    if sum(np.isfinite(reward) for _, reward in known) < LEAST_TRIALS:
        return []
    units = np.array([space.encode(trial.configuration) for trial, _ in known])
    rewards = np.array([reward for _, reward in known])
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, float, Floats, Floats]] = []
    for t, (name, parameter) in enumerate(space):
        active = ~np.isnan(units[:, t])
        if active.sum() >= LEAST_TRIALS:
            rows.append((name, *_measure(parameter, units[active, t], rewards[active], rng)))
    total = sum(row[1] for row in rows)
    if total <= 0:
        return []
    found = [
        Importance(
            parameter=name,
            share=value / total,
            low=min(float(np.quantile(resampled, 0.1)) / total, value / total),
            high=max(float(np.quantile(resampled, 0.9)) / total, value / total),
            chance=float(np.quantile(shuffled, 0.95)) / total,
        )
        for name, value, resampled, shuffled in rows
    ]
    return sorted(found, key=lambda row: -row.share)


def _reward(trial: Trial, objective: Objective) -> float | None:
    if trial.objective is not None:
        return objective.reward(trial.objective)
    return -np.inf if trial.status in (Status.FAILED, Status.INFEASIBLE) else None


def _measure(parameter: Parameter, u: Floats, rewards: Floats, rng: np.random.Generator) -> tuple[float, Floats, Floats]:
    """Divergence as measured, under the bootstrap ``(S,)``, and after shuffling ``(S,)``."""
    kernel = _kernel(parameter, u)
    n = len(u)
    once = np.ones((1, n))
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(np.float64)
    orders = np.argsort(rng.random((RESAMPLES, n)), axis=1)
    top = _top(once, rewards)[0]
    return (
        float(_divergence(once, top[None], kernel)[0]),
        _divergence(drawn, _top(drawn, rewards), kernel),
        _divergence(np.ones((RESAMPLES, n)), top[orders], kernel),
    )


def _top(weights: Floats, rewards: Floats) -> Floats:
    """Weights ``(S, N)`` of the best quarter; trials with equal reward share what is left of it."""
    _, group = np.unique(-rewards, return_inverse=True)
    sums = np.zeros((len(weights), int(group.max()) + 1))
    np.add.at(sums.T, group, weights.T)
    wanted = np.maximum(TOP * weights.sum(axis=1, keepdims=True), 1.0)
    taken = np.clip(wanted - (np.cumsum(sums, axis=1) - sums), 0.0, sums)
    share = np.divide(taken, sums, out=np.zeros_like(sums), where=sums > 0)
    return np.asarray(weights * share[:, group])


def _kernel(parameter: Parameter, u: Floats) -> Floats:
    """Smoothed membership ``(N, G)`` of each trial in the cells; rows sum to 1."""
    count = parameter.cardinality
    if count is not None and (not parameter.ordered or count <= 4):
        cell = np.minimum((u * count).astype(int), count - 1)
        smooth = np.full((len(u), count), 0.1 / count)
        smooth[np.arange(len(u)), cell] += 0.9
        return smooth
    width = max(0.5 * float(np.std(u)) * len(u) ** -0.2, 0.03) + 0.02
    centres = (np.arange(CELLS) + 0.5) / CELLS
    mass = sum(np.exp(-0.5 * ((centres[None] - image[:, None]) / width) ** 2) for image in (u, -u, 2 - u))
    return np.asarray(mass / mass.sum(axis=1, keepdims=True))


def _divergence(everything: Floats, top: Floats, kernel: Floats) -> Floats:
    """Pearson divergence ``(S,)`` of the best from all."""
    p = everything @ kernel / everything.sum(axis=1, keepdims=True)
    q = top @ kernel / top.sum(axis=1, keepdims=True)
    return np.asarray(np.where(p > 1e-9, (q - p) ** 2 / np.maximum(p, 1e-9), 0.0).sum(axis=1))
