"""Candidates compete under the surrogate: policy, neighbours of the best and chance propose, expected improvement chooses.

Notation: ``N`` candidates, ``T`` parameters; ``x: (N, T)`` snapped coordinates; ``value: (N,)`` log expected improvement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..preset import AgentSettings
from ..trial import Origin
from . import candidates, streams
from .acquisition import log_expected_improvement
from .grid import Array, Grid, Seen
from .policy import Policy
from .surrogate.model import RewardModel
from .surrogate.targets import stepped

Sources = npt.NDArray[np.str_]

PARENTS = 5  #: best observed configurations whose neighbours compete
CLIMBERS = 4  #: best candidates that are refined by local search
CLIMB = 24  #: neighbours of each climber in one step
BOUNDED = 0.25
"""Share of choices whose numbers go to a bound where the model does not mind. Bounds are values of their own: with all columns, boosted trees
of few columns are others than with any share of them, and no draw from a continuous density is ever exactly 1."""
INDIFFERENT = 0.02  #: loss of log expected improvement that the model does not mind
NEAR = (0.1, 0.05, 0.02, 0.01, 0.005)  #: share of the range by which each step of a local search moves
FAR = (0.3, 0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05, 0.02, 0.02, 0.01, 0.005)
"""The same of a search that begins with wide steps and ends at the largest expected improvement, which is often far from all that is known."""
WIDE = 0.5
"""Share of choices that are searched by FAR. Where results are mostly chance, more draws beside the best find more than what a model of
them expects far away; where they follow a slope, only wide steps get to its end."""
CHANCE = 0.125
"""Share of choices that are drawn at random where a space has unordered parameters. What a model has seen of one value says little of the
others, and without it the search stays for good with the first value that it has learnt to use."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Candidates and where each began; refined ones keep the source of what they grew from."""

    x: Array
    source: Sources


def compete(
    grid: Grid,
    settings: AgentSettings,
    model: RewardModel,
    policy: Policy,
    x: Array,
    rewards: Array,
    under_way: Array,
    seen: Seen,
    count: int,
    seed: int,
) -> list[tuple[Array, Origin]]:
    """At most ``count`` new rows ``(T,)`` with their origins.

    Every choice is treated as under way before the next is made, like ``under_way: (P, T)``, so that a batch spreads. ``settings.posterior_share``
    of them are made under other models that the same results allow: where these are noisy, the fitted hyperparameters are one answer of many,
    and what they call unimportant is never tried again; where they are exact, only the fitted ones find the exact place.
    """
    rng = streams.rng(seed, "competition")
    pool = _pool(grid, settings, policy, x, rewards, seen, seed, rng)
    plausible = model.plausible(streams.generator(seed, "plausible"))
    chosen: list[tuple[Array, Origin]] = []
    for _ in range(count):
        fresh = seen.new(pool.x)
        if not fresh.any():
            break
        left = Pool(x=pool.x[fresh], source=pool.source[fresh])
        by_chance = left.x[left.source == "random"]
        source: Origin
        if grid.unordered and rng.random() < CHANCE and len(by_chance):
            row, source = by_chance[0], "random"
        else:
            believed = (next(plausible) if rng.random() < settings.posterior_share else model).pending(under_way)
            row, source, value = _climb(left, believed, grid, seen, FAR if rng.random() < WIDE else NEAR, rng)
            if rng.random() < BOUNDED:
                row = _to_bounds(row, value, believed, grid, seen, rng)
        chosen.append((row, source))
        seen.add(row[None])
        under_way = np.concatenate([under_way, row[None]])
    return chosen


def _pool(
    grid: Grid,
    settings: AgentSettings,
    policy: Policy,
    x: Array,
    rewards: Array,
    seen: Seen,
    seed: int,
    rng: np.random.Generator,
) -> Pool:
    from_policy = round(settings.candidates * settings.policy_share)
    local = settings.candidates // 2
    parts: list[tuple[str, Array]] = []
    if from_policy:
        parts.append(
            ("policy", candidates.from_policy(policy, from_policy, seen, streams.generator(seed, "candidates")))
        )
    parents = x[np.argsort(-np.nan_to_num(stepped(rewards), nan=-np.inf), kind="stable")[:PARENTS]]
    if len(parents) and local:
        scale = 10 ** rng.uniform(-2.5, -0.5, local)
        parts.append(("neighbour", candidates.neighbours(np.resize(parents, (local, len(grid))), scale, grid, rng)))
    parts.append(("random", grid.random(settings.candidates - local, rng)))
    rows = np.concatenate([part for _, part in parts])
    source = np.concatenate([np.full(len(part), name) for name, part in parts])
    keep = seen.new(rows) & grid.feasible(rows)
    return Pool(x=rows[keep], source=source[keep])


def _climb(
    pool: Pool, model: RewardModel, grid: Grid, seen: Seen, scales: Sequence[float], rng: np.random.Generator
) -> tuple[Array, Origin, float]:
    """The best row after local search from the best candidates, where it began, and its value."""
    value = _value(model, pool.x)
    top = np.argsort(-value, kind="stable")[:CLIMBERS]
    x, source, value = pool.x[top], pool.source[top], value[top]
    for scale in scales:
        around = candidates.neighbours(np.repeat(x, CLIMB, axis=0), np.full(len(x) * CLIMB, scale), grid, rng)
        keep = seen.new(around) & grid.feasible(around)
        root = np.repeat(np.arange(len(x)), CLIMB)[keep]
        if not len(root):
            continue
        around = around[keep]
        reached = _value(model, around)
        for index in range(len(x)):
            mine = np.flatnonzero(root == index)
            if len(mine) and reached[mine].max() > value[index]:
                best = mine[np.argmax(reached[mine])]
                x[index], value[index] = around[best], reached[best]
    winner = int(np.argmax(value))
    return x[winner], source[winner].item(), float(value[winner])


def _to_bounds(row: Array, value: float, model: RewardModel, grid: Grid, seen: Seen, rng: np.random.Generator) -> Array:
    """``row (T,)`` with numbers at a bound, one after another in random order, as long as the model does not mind."""
    least = value - INDIFFERENT
    for t in rng.permutation(len(row)):
        if np.isnan(row[t]) or not grid.ordered[t]:
            continue
        there = np.repeat(row[None], 2, axis=0)
        there[:, t] = rng.permutation([0.0, 1.0])
        there = grid.snapped(np.where(np.isnan(there), 0.5, there))
        keep = seen.new(there) & grid.feasible(there)
        keep[keep] = _value(model, there[keep]) >= least
        if keep.any():
            row = there[np.argmax(keep)]
    return row


def _value(model: RewardModel, x: Array) -> Array:
    mean, std = model.belief(x)
    return log_expected_improvement(mean, std, model.surrogate.best).numpy()
