"""The grid agrees with the space it was made of."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.agent.spaces import conditional, spaces

from tunewright.agent.grid import Grid, Seen
from tunewright.space import IntParameter, Space


@given(space=spaces(), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_snapping_is_encoding_of_decoding(space: Space, seed: int) -> None:
    grid = Grid(space)
    u = np.random.default_rng(seed).random((20, len(space)))
    configurations = [space.decode(row) for row in u]
    np.testing.assert_allclose(grid.snapped(u), grid.encode(configurations), atol=1e-9)
    assert grid.decode(grid.snapped(u)) == configurations


@given(space=spaces(), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_what_is_snapped_stays_where_it_is(space: Space, seed: int) -> None:
    grid = Grid(space)
    x = grid.random(20, np.random.default_rng(seed))
    np.testing.assert_allclose(grid.snapped(np.nan_to_num(x, nan=0.3)), x, atol=1e-9)


def test_a_log_int_is_rounded_as_the_space_does() -> None:
    space = Space({"n": IntParameter(type="int", low=1, high=1000, scale="log")})
    u = np.linspace(0, 1, 5001)[:, None]
    assert [c["n"] for c in Grid(space).decode(Grid(space).snapped(u))] == [space.decode(row)["n"] for row in u]


def test_an_inactive_parameter_makes_no_difference_between_configurations() -> None:
    grid = Grid(conditional())
    u = np.full((2, 6), 0.1)  # family: linear; depth, wide and width inactive
    u[1, 2:5] = 0.9
    assert grid.decode(grid.snapped(u))[0].keys() == {"rate", "family", "rounds"}
    assert Seen(np.empty((0, 6))).new(grid.snapped(u)).tolist() == [True, False]


def test_constraints_mark_rows() -> None:
    grid = Grid(conditional(["rounds <= 100"]))
    x = grid.random(200, np.random.default_rng(0))
    assert grid.feasible(x).tolist() == [configuration["rounds"] <= 100 for configuration in grid.decode(x)]
