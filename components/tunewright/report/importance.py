"""Which parameters mattered: functional ANOVA of an additive model (Hooker 2007; Hutter, Hoos and Leyton-Brown 2014, section 4).

Notation: ``N`` trials; ``P`` features; ``D`` parameters; ``S`` resamples; ``u`` a unit coordinate.

The rank of each trial's objective is explained by a sum of smooth effects, one per parameter, fitted together by ridge regression.
Fitting them together matters: a search moves all parameters at once, and a parameter is not important for having been moved along.
Features are orthonormal when a parameter is drawn uniformly, so that the variance of an effect over its whole range, its importance,
is the sum of its squared coefficients. Trials that FAILED or were INFEASIBLE share the worst rank: parameters that cause failures
matter too. Effects of several parameters together are not counted; they are in what the model leaves unexplained.

The interval is the bootstrap's 10th to 90th percentile over trials. The chance level is the 95th percentile of the variance that a
parameter is given when the model is fitted to its own residuals, shuffled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..space import IntParameter, Parameter, Space
from ..study import Objective
from ..trial import Status
from .trials import Trial

LEAST_TRIALS = 10  #: fewer say nothing about importance
WAVES = 4  #: cosines of one numeric parameter
RESAMPLES = 60
MOST_TRIALS = 1000  #: the latest are asked when there are more
BUDGET = 3e9  #: multiplications that the bootstrap may spend

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


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Parameters by importance, largest first; empty when too few trials say something."""

    importances: Sequence[Importance] = ()
    explained: float = 0.0  #: share of the ranks' variance that the effects predict of trials left out


@dataclass(frozen=True, kw_only=True)
class _Design:
    """Features of the trials: ``x: (N, P)``; ``owner: (P,)`` index of each feature's parameter."""

    x: Floats
    owner: npt.NDArray[np.intp]
    active: Floats  #: (D,) how often a parameter is active in the whole space
    categories: npt.NDArray[np.bool_]  #: (P,) features of categories, whose common level is no effect


def rank(space: Space, trials: Sequence[Trial], objective: Objective, *, seed: int = 0) -> Ranking:
    """Importance of every parameter that was active in at least `LEAST_TRIALS` trials.

    A stopped trial has the rank of what it had reached, unless another one has gone on from it.
    """
    rewards = [(trial, _reward(trial, objective)) for trial in trials if not trial.resumed]
    known = [(trial, reward) for trial, reward in rewards if reward is not None][-MOST_TRIALS:]
    values = np.array([reward for _, reward in known])
    if np.isfinite(values).sum() < LEAST_TRIALS or len(np.unique(values)) < 2:
        return Ranking()
    rng = np.random.default_rng(seed)
    units = np.array([space.encode(trial.configuration) for trial, _ in known])
    often = [t for t in range(len(space)) if (~np.isnan(units[:, t])).sum() >= LEAST_TRIALS]
    design = _design(space, units, often, rng)
    y = _ranks(values)
    strength, explained, residuals = _ridge(design.x, y)
    effects = _effects(design, _solve(design.x, y[:, None], np.ones(len(y)), strength))[:, 0]
    total = float(effects.sum())
    if total <= 0:
        return Ranking()
    count = int(np.clip(BUDGET / (design.x.size * min(design.x.shape)), 10, RESAMPLES))
    drawn = rng.multinomial(len(y), np.full(len(y), 1 / len(y)), size=count).astype(np.float64)
    resampled = np.hstack([_effects(design, _solve(design.x, y[:, None], w, strength)) for w in drawn])
    whole = resampled.sum(axis=0)
    resampled *= total / np.where(whole > 0, whole, total)
    shuffled = rng.permuted(np.tile(residuals, (RESAMPLES, 1)), axis=1).T
    noise = _effects(design, _solve(design.x, shuffled, np.ones(len(y)), strength))
    found = [
        Importance(
            parameter=space.names[t],
            share=float(effects[d]) / total,
            low=min(float(np.quantile(resampled[d], 0.1)), float(effects[d])) / total,
            high=max(float(np.quantile(resampled[d], 0.9)), float(effects[d])) / total,
            chance=float(np.quantile(noise[d], 0.95)) / total,
        )
        for d, t in enumerate(often)
    ]
    return Ranking(importances=sorted(found, key=lambda row: -row.share), explained=max(explained, 0.0))


def _reward(trial: Trial, objective: Objective) -> float | None:
    if trial.objective is not None:
        return objective.reward(trial.objective)
    return -np.inf if trial.status in (Status.FAILED, Status.INFEASIBLE) else None


def _ranks(values: Floats) -> Floats:
    """Ranks ``(N,)`` scaled to mean 0 and variance 1; equal values share theirs."""
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(sizes) - sizes / 2
    ranks = middle[group]
    return np.asarray((ranks - ranks.mean()) / ranks.std())


def _design(space: Space, units: Floats, often: list[int], rng: np.random.Generator) -> _Design:
    parameters = list(space.parameters.values())
    blocks = [_features(parameters[t], units[:, t]) for t in often]
    everywhere = (
        [space.decode(row) for row in rng.random((256, len(space)))] if any(p.when for p in parameters) else [{}]
    )
    return _Design(
        x=np.hstack(blocks),
        owner=np.repeat(np.arange(len(often)), [block.shape[1] for block in blocks]),
        active=np.array(
            [np.mean([space.names[t] in c for c in everywhere]) if parameters[t].when else 1.0 for t in often]
        ),
        categories=np.repeat([_by_category(parameters[t]) for t in often], [block.shape[1] for block in blocks]),
    )


def _by_category(parameter: Parameter) -> bool:
    count = parameter.cardinality
    # the bins of one value each are equally wide
    even = not (isinstance(parameter, IntParameter) and parameter.scale == "log")
    return count is not None and (not parameter.ordered or (even and count <= WAVES))


def _features(parameter: Parameter, u: Floats) -> Floats:
    """Orthonormal features ``(N, K)`` of one parameter: cosines, damped as they get faster, or categories. 0 where inactive."""
    inactive = np.isnan(u)
    at = np.where(inactive, 0.0, u)
    if _by_category(parameter):
        count = parameter.cardinality or 1
        cell = np.minimum((at * count).astype(int), count - 1)
        x = np.sqrt(count) * (np.eye(count)[cell] - 1 / count)
    else:
        waves = np.arange(1, WAVES + 1)
        x = np.sqrt(2) * np.cos(np.pi * at[:, None] * waves) / waves
    return np.asarray(np.where(inactive[:, None], 0.0, x))


def _ridge(x: Floats, y: Floats) -> tuple[float, float, Floats]:
    """Penalty by leave-one-out error; the share of variance it explains; the errors at trials left out."""
    centred = x - x.mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    found: list[tuple[float, float, Floats]] = []
    for strength in np.logspace(-2, 4, 19):
        shrink = singular**2 / (singular**2 + strength)
        leverage = np.minimum((left**2) @ shrink + 1 / len(y), 1 - 1e-9)
        residuals = y - left @ (shrink * (left.T @ y))
        left_out = residuals / (1 - leverage)
        found.append((float(strength), 1 - float(np.mean(left_out**2)), left_out))
    return max(found, key=lambda one: one[1])


def _solve(x: Floats, y: Floats, weights: Floats, strength: float) -> Floats:
    """Coefficients ``(P, M)`` of weighted ridge regression of ``y: (N, M)`` with a free intercept; by its dual where features are many."""
    root = np.sqrt(weights)[:, None]
    x, y = root * (x - weights @ x / weights.sum()), root * (y - weights @ y / weights.sum())
    if x.shape[1] > len(x):
        return np.asarray(x.T @ np.linalg.solve(x @ x.T + strength * np.eye(len(x)), y))
    return np.asarray(np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T @ y))


def _effects(design: _Design, coefficients: Floats) -> Floats:
    """Variance ``(D, M)`` of each parameter's effect over the whole space."""
    found = np.empty((len(design.active), coefficients.shape[1]))
    for d in range(len(found)):
        mine = design.owner == d
        block = coefficients[mine]
        flat = design.categories[mine].all()
        block = block - block.mean(axis=0) if flat else block / np.arange(1, len(block) + 1)[:, None]
        found[d] = (block**2).sum(axis=0) * design.active[d]
    return found
