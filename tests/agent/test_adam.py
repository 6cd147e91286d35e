"""Adam against its algorithm, written a second time."""

from __future__ import annotations

import math

import pytest
import torch

from tunewright.agent.adam import EPS, Adam, clipped


def test_its_steps_are_those_of_the_algorithm_by_hand() -> None:
    generator = torch.Generator().manual_seed(0)
    parameters = {"a": torch.tensor([1.0], dtype=torch.float64), "b": torch.tensor([-2.0], dtype=torch.float64)}
    theta, m, v = {"a": 1.0, "b": -2.0}, {"a": 0.0, "b": 0.0}, {"a": 0.0, "b": 0.0}
    optimizer = Adam(parameters, 0.01)
    for t in range(1, 11):
        gradients = {name: torch.randn(1, generator=generator, dtype=torch.float64) for name in "ab"}
        optimizer.step(gradients)
        for name in "ab":
            g = float(gradients[name])
            m[name] = 0.9 * m[name] + 0.1 * g
            v[name] = 0.999 * v[name] + 0.001 * g * g
            theta[name] -= 0.01 * (m[name] / (1 - 0.9**t)) / (math.sqrt(v[name] / (1 - 0.999**t)) + EPS)
            assert float(parameters[name]) == pytest.approx(theta[name], rel=1e-12)


def test_clipping_bounds_the_joint_norm_and_leaves_small_gradients_alone() -> None:
    gradients = {"a": torch.tensor([3.0]), "b": torch.tensor([4.0])}
    assert clipped(gradients, 1.0)["b"].item() == pytest.approx(0.8)
    assert clipped(gradients, 10.0)["b"].item() == 4.0
