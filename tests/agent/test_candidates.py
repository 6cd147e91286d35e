"""Candidates: where neighbours and random rows stand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.agent.spaces import conditional, unit

from tunewright.agent.candidates import BOUND, anywhere, neighbours
from tunewright.agent.grid import Grid
from tunewright.space import CategoricalParameter, FloatParameter, IntParameter, Space

WORDS = ["a", "b", "c", "d"]
MIXED = Space(
    {
        "share": FloatParameter(type="float", low=0.5, high=1.0),
        "rate": FloatParameter(type="float", low=1e-4, high=1.0, scale="log"),
        "depth": IntParameter(type="int", low=1, high=9),
        "kind": CategoricalParameter(type="categorical", choices=WORDS),
    }
)


@pytest.mark.parametrize("scale", [0.001, 0.3, 5.0])
def test_neighbours_stay_in_range_and_differ(scale: float) -> None:
    grid, rng = Grid(MIXED), np.random.default_rng(0)
    x = grid.random(500, rng)
    near = neighbours(x, np.full(500, scale), grid, rng)
    assert ((near >= 0) & (near <= 1)).all()
    for configuration in grid.decode(near):
        MIXED.check(configuration)
    choices = ~np.isclose(near[:, 3], x[:, 3])
    assert (choices | ~np.isclose(near, x)[:, :3].all(axis=1)).mean() > 0.8  # a choice drawn anew may be the same


def test_what_leaves_the_range_stays_at_the_bound() -> None:
    grid, rng = Grid(unit(count=1)), np.random.default_rng(0)
    near = neighbours(np.full((2000, 1), 0.9), np.full(2000, 0.3), grid, rng)
    beyond = 0.5 * (1 - math.erf(0.1 / 0.3 / math.sqrt(2)))
    assert (near == 1.0).mean() == pytest.approx((1 - BOUND) * beyond + BOUND / 2, abs=0.03)


def test_random_rows_reach_both_bounds_exactly() -> None:
    rows = anywhere(Grid(MIXED), 4000, np.random.default_rng(0))
    configurations = Grid(MIXED).decode(rows)
    for name, low, high in (("share", 0.5, 1.0), ("rate", 1e-4, 1.0)):
        values = np.array([configuration[name] for configuration in configurations], dtype=float)
        for bound in (low, high):
            assert (values == bound).mean() == pytest.approx(BOUND / 2, abs=0.015)
    counts = np.unique([configuration["kind"] for configuration in configurations], return_counts=True)[1]
    assert counts / 4000 == pytest.approx(0.25, abs=0.03)  # a choice has no bounds


def test_inactive_parameters_stay_inactive() -> None:
    space = conditional()
    grid, rng = Grid(space), np.random.default_rng(0)
    for rows in (anywhere(grid, 200, rng), neighbours(grid.random(200, rng), np.full(200, 0.1), grid, rng)):
        for configuration in grid.decode(rows):
            space.check(configuration)
