"""Where candidates come from: the policy, neighbours of good configurations, chance.

Notation: ``N`` candidates, ``T`` parameters; ``x: (N, T)`` snapped coordinates.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import torch

from ..errors import InputError
from ..space import FEASIBILITY_DRAWS, feasibility_draws
from .grid import Array, Grid, Seen
from .policy import Policy

DRAWS = 20  #: batches of draws before one source of candidates gives up
BESIDE = 1024  #: neighbours of feasible configurations where chance finds none
ENUMERATED = 100_000  #: a finite space of at most this size is searched to its last configuration


def neighbours(x: Array, scale: Array, grid: Grid, rng: np.random.Generator) -> Array:
    """One neighbour of each row: some parameters move by about ``scale: (N,)`` of their range, choices are drawn anew.

    About two parameters move, at least one. A whole number moves at least to the next, on a logarithmic scale too, where small ones are far apart.
    """
    count, steps = x.shape
    active = ~np.isnan(x)
    moved = (rng.random(x.shape) < min(1.0, 2.0 / steps)) & active
    first = np.argmax(rng.random(x.shape) * active, axis=1)
    moved[np.arange(count), first] = True
    u = np.where(active, x, rng.random(x.shape))
    shift = rng.normal(size=x.shape) * scale[:, None]
    fresh = rng.random(x.shape)
    for t in range(steps):
        least = grid.gap(t, u[:, t], shift[:, t] > 0)
        shift[:, t] = np.sign(shift[:, t]) * np.maximum(np.abs(shift[:, t]), least)
        there = _reflect(u[:, t] + shift[:, t]) if grid.ordered[t] else fresh[:, t]
        u[:, t] = np.where(moved[:, t], there, u[:, t])
    return grid.snapped(u)


def _reflect(u: Array) -> Array:
    """Coordinates outside [0, 1] mirrored at the bound they crossed."""
    return np.clip(np.where(u < 0, -u, np.where(u > 1, 2 - u, u)), 0.0, 1.0)


def from_policy(policy: Policy, count: int, seen: Seen, generator: torch.Generator) -> Array:
    """At most ``count`` feasible new configurations drawn from the policy, in the order of the draws."""
    return _collect(lambda size: policy.draw(size, generator).x, count, seen, policy.grid)


def at_random(grid: Grid, count: int, seen: Seen, rng: np.random.Generator) -> Array:
    """At most ``count`` feasible new configurations, uniform in the unit cube."""
    return _collect(lambda size: grid.random(size, rng), count, seen, grid)


def _collect(draw: Callable[[int], Array], count: int, seen: Seen, grid: Grid) -> Array:
    found = np.empty((0, len(grid)))
    for _ in range(DRAWS):
        if len(found) >= count:
            break
        drawn = np.concatenate([found, draw(count)])
        keep = seen.new(drawn)
        keep[len(found) :] &= grid.feasible(drawn[len(found) :])
        found = drawn[keep]
    return found[:count]


def remaining(grid: Grid, count: int, seen: Seen, near: Array, rng: np.random.Generator) -> Array:
    """``count`` feasible configurations when other sources have run dry: new ones while the space has any, then repetitions.

    Where chance finds too few, a finite space is searched to its end, another one beside what is feasible, also of ``near: (N, T)``. The
    draws that tell whether constraints can be satisfied at all are the last resort: a study that is valid always has a configuration.

    Raises:
        InputError: no configuration that satisfies the constraints was found.
    """
    found = at_random(grid, count, seen, rng)
    if len(found) < count:
        found = np.concatenate([found, _feasible(grid, grid.random(FEASIBILITY_DRAWS, rng)), _feasible(grid, near)])
    if not len(found):
        found = _feasible(grid, grid.snapped(feasibility_draws(len(grid))))
    if not len(found):
        expressions = "; ".join(constraint.expression for constraint in grid.space.constraints)
        raise InputError(
            f"constraints must leave configurations to try, got none in {FEASIBILITY_DRAWS} random draws under {expressions}; loosen them"
        )
    if len(found[seen.new(found)]) < count:
        finite = grid.size is not None and grid.size <= ENUMERATED
        more = _enumerate(grid, rng) if finite else _beside(grid, found, rng)
        found = np.concatenate([found, _feasible(grid, more)])
    fresh = found[seen.new(found)][:count]
    return np.concatenate([fresh, np.resize(found, (count - len(fresh), len(grid)))])


def _feasible(grid: Grid, x: Array) -> Array:
    return x[grid.feasible(x)]


def _beside(grid: Grid, x: Array, rng: np.random.Generator) -> Array:
    """Neighbours of rows, at all scales."""
    scale = 10 ** rng.uniform(-3.0, 0.0, BESIDE)
    return neighbours(np.resize(x, (BESIDE, len(grid))), scale, grid, rng)


def _enumerate(grid: Grid, rng: np.random.Generator) -> Array:
    """Every configuration of a finite space, shuffled; conditional ones more than once."""
    axes = [_coordinates(grid, t) for t in range(len(grid))]
    u = np.array(list(product(*axes)))
    return grid.snapped(u[rng.permutation(len(u))])


def _coordinates(grid: Grid, t: int) -> Array:
    """Unit coordinates of all values of a finite parameter."""
    count = grid.cardinality[t] or 1
    parameter = grid.parameters[t]
    if parameter.type == "int" and parameter.scale == "log":
        return np.array([parameter.unit(value) for value in range(parameter.low, parameter.high + 1)])
    return np.asarray((np.arange(count) + 0.5) / count)
