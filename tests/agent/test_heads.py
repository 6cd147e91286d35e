"""Densities, entropies and divergences of one step."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Categorical, Normal

from tunewright.agent.heads import SIGMA_HIGH, SIGMA_LOW, SIGMA_START, Heads, heads

CHOICES = torch.tensor([0, 3, 0, 4])


def some(seed: int, rows: int = 5) -> Heads:
    """Heads of two numbers, a choice of three and a choice of four."""
    return heads(torch.randn(rows, 4, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), CHOICES)


def references(given: Heads, t: int) -> Normal | Categorical:
    if CHOICES[t]:
        return Categorical(logits=given.logits[:, t, : CHOICES[t]])
    return Normal(given.mu[:, t], given.sigma[:, t])


def test_log_prob_and_entropy_are_those_of_torch_distributions() -> None:
    given = some(0)
    action = torch.tensor([[0.3, 2, -1.7, 3]] * 5, dtype=torch.float64)
    for t in range(4):
        reference = references(given, t)
        torch.testing.assert_close(given.log_prob(action)[:, t], reference.log_prob(action[:, t]))
        torch.testing.assert_close(given.entropy()[:, t], reference.entropy())


def test_kl_is_that_of_torch_distributions() -> None:
    one, other = some(1), some(2)
    for t in range(4):
        expected = torch.distributions.kl_divergence(references(one, t), references(other, t))
        torch.testing.assert_close(one.kl(other)[:, t], expected)


def test_kl_is_the_mean_log_ratio_over_draws() -> None:
    one, other = some(3, rows=1), some(4, rows=1)
    action = one.draw(200_000, torch.Generator().manual_seed(5))
    estimate = (one.log_prob(action) - other.log_prob(action)).mean(0)
    torch.testing.assert_close(estimate, one.kl(other)[0], rtol=0.03, atol=0.01)


def test_draws_have_the_moments_of_their_distributions() -> None:
    given = some(6, rows=1)
    action = given.draw(100_000, torch.Generator().manual_seed(7))
    torch.testing.assert_close(action[:, 0].mean(), given.mu[0, 0], rtol=0, atol=0.01)
    torch.testing.assert_close(action[:, 2].std(), given.sigma[0, 2], rtol=0.02, atol=0)
    shares = torch.bincount(action[:, 1].long(), minlength=3) / 100_000
    torch.testing.assert_close(shares.double(), given.logits[0, 1, :3].exp(), rtol=0, atol=0.01)
    assert action[:, 1].max() < 3


@pytest.mark.parametrize("size", [1e3, 1e6, 1e12])
def test_extreme_outputs_stay_finite(size: float) -> None:
    one = heads(torch.full((1, 4, 6), size, dtype=torch.float64), CHOICES)
    other = heads(torch.full((1, 4, 6), -size, dtype=torch.float64), CHOICES)
    for given in (one, other):
        assert bool(((given.sigma >= SIGMA_LOW) & (given.sigma <= SIGMA_HIGH)).all())
        assert bool(given.entropy().isfinite().all())
    assert bool(one.kl(other).isfinite().all())
    assert bool((one.kl(other) >= 0).all())


def test_an_output_of_zero_is_a_centred_normal_and_equal_choices() -> None:
    given = heads(torch.zeros(1, 4, 6, dtype=torch.float64), CHOICES)
    assert float(given.mu[0, 0]) == 0.0
    assert float(given.sigma[0, 0]) == pytest.approx(SIGMA_START)
    assert float(given.logits[0, 3, 0]) == pytest.approx(math.log(1 / 4))
