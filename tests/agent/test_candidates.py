"""Candidates: where neighbours stand."""

from __future__ import annotations

import numpy as np
import pytest
from tests.agent.spaces import conditional

from tunewright.agent.candidates import neighbours
from tunewright.agent.grid import Grid
from tunewright.space import CategoricalParameter, FloatParameter, IntParameter, OrdinalParameter, Parameter, Space

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


@pytest.mark.parametrize(
    "parameter",
    [
        IntParameter(type="int", low=1, high=1000, scale="log"),
        IntParameter(type="int", low=20, high=400, scale="log"),
        IntParameter(type="int", low=1, high=9),
        OrdinalParameter(type="ordinal", choices=[1, 2, 5, 9]),
    ],
)
def test_a_whole_number_that_moves_moves_to_the_next_however_small_the_step(parameter: Parameter) -> None:
    grid, rng = Grid(Space({"only": parameter})), np.random.default_rng(0)
    # bounds are mirrors
    inside = [c["only"] for c in grid.decode(grid.random(500, rng)) if c["only"] not in (1, 20, 1000, 400, 9)]
    x = grid.encode({"only": value} for value in inside)
    moved = [c["only"] for c in grid.decode(neighbours(x, np.full(len(x), 1e-4), grid, rng))]
    assert all(before != after for before, after in zip(inside, moved, strict=True))
    if isinstance(parameter, IntParameter):
        assert max(abs(int(after) - int(before)) for before, after in zip(inside, moved, strict=True)) == 1


def test_inactive_parameters_stay_inactive() -> None:
    space = conditional()
    grid, rng = Grid(space), np.random.default_rng(0)
    near = neighbours(grid.random(200, rng), np.full(200, 0.1), grid, rng)
    configurations = grid.decode(near)
    for configuration in configurations:
        space.check(configuration)
    np.testing.assert_allclose(near, grid.encode(configurations))  # NaN exactly where the space has no parameter
