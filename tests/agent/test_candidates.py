"""Candidates: where neighbours stand."""

from __future__ import annotations

import numpy as np
import pytest
from tests.agent.spaces import conditional

from tunewright.agent.candidates import neighbours
from tunewright.agent.grid import Grid
from tunewright.space import CategoricalParameter, FloatParameter, IntParameter, Space

MIXED = Space(
    {
        "share": FloatParameter(type="float", low=0.5, high=1.0),
        "rate": FloatParameter(type="float", low=1e-4, high=1.0, scale="log"),
        "depth": IntParameter(type="int", low=1, high=9),
        "kind": CategoricalParameter(type="categorical", choices=["a", "b", "c", "d"]),
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


def test_inactive_parameters_stay_inactive() -> None:
    space = conditional()
    grid, rng = Grid(space), np.random.default_rng(0)
    near = neighbours(grid.random(200, rng), np.full(200, 0.1), grid, rng)
    configurations = grid.decode(near)
    for configuration in configurations:
        space.check(configuration)
    np.testing.assert_allclose(near, grid.encode(configurations))  # NaN exactly where the space has no parameter
