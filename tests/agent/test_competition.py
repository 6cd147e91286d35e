"""The competition finds what it looks for: the configuration of the largest expected improvement."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import differential_evolution
from tests.agent.spaces import observed, unit

from tunewright.agent import competition
from tunewright.agent.acquisition import log_expected_improvement
from tunewright.agent.grid import Array, Grid
from tunewright.agent.surrogate import model
from tunewright.agent.verbs import fit, propose
from tunewright.preset import AgentSettings
from tunewright.space import Configuration

DIMENSIONS = 8


def rough(c: Configuration) -> float:
    """A trend towards corners, under waves."""
    x = np.array([float(value) for value in c.values()])
    return float(x[0] - x[1] + 0.3 * np.sin(9 * x[2]) + 0.1 * np.sin(40 * x.sum()))


@pytest.mark.parametrize(("wide", "least", "most"), [(1.0, -0.05, 0.05), (0.0, 0.05, 0.15)])
def test_the_wide_search_comes_close_to_the_largest_expected_improvement(
    wide: float, least: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured against scipy's differential evolution, which may take a hundred times the evaluations. The near search alone does not."""
    monkeypatch.setattr(competition, "WIDE", wide)
    space, settings = unit(count=DIMENSIONS), AgentSettings(initial_trials=0, policy_share=0.0)
    grid = Grid(space)
    missed = []
    for seed in range(4):
        history = observed(space, rough, 40, seed=seed)
        weights = fit(space=space, settings=settings, history=history, previous=None, seed=seed).weights
        assert weights is not None
        belief = model.load(weights, grid)

        def value(x: Array, belief: model.RewardModel = belief) -> Array:
            mean, std = belief.belief(x)
            return log_expected_improvement(mean, std, belief.surrogate.best).numpy()

        def loss(x: Array) -> Array:
            return -value(x.T)

        found = differential_evolution(
            loss, [(0, 1)] * DIMENSIONS, vectorized=True, updating="deferred", popsize=60, maxiter=400, rng=0
        )
        proposed = [
            propose(
                space=space, settings=settings, history=history, pending=[], policy=None, surrogate=weights, count=1, seed=at
            )[0].configuration
            for at in range(4)
        ]  # fmt: skip
        missed.append(-found.fun - value(grid.encode(proposed)))
    assert least < np.mean(missed) < most, np.round(missed, 3)
