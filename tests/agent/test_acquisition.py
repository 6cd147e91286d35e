"""Expected improvement against numerical integration."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from tunewright.agent.acquisition import log_expected_improvement, log_h


@pytest.mark.parametrize(
    ("mean", "std", "best"), [(0.0, 1.0, 0.0), (1.0, 0.5, 0.2), (-1.0, 0.3, 0.5), (2.0, 2.0, 7.0), (0.1, 1e-3, 0.0)]
)
def test_expected_improvement_is_the_integral(mean: float, std: float, best: float) -> None:
    def integrand(f: float) -> float:
        return (f - best) * math.exp(-0.5 * ((f - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))

    low, high = max(best, mean - 12 * std), max(best, mean) + 12 * std
    expected = quad(integrand, low, high, epsabs=0, epsrel=1e-10, limit=200)[0]
    value = log_expected_improvement(torch.tensor([mean]).double(), torch.tensor([std]).double(), best)
    assert math.exp(float(value)) == pytest.approx(expected, rel=1e-7)


def test_it_is_finite_and_rises_where_the_expectation_underflows() -> None:
    z = torch.from_numpy(np.concatenate([-np.logspace(8, -6, 4000), np.logspace(-6, 4, 1000)]))
    value = log_h(z)
    assert bool(value.isfinite().all())
    assert bool((value.diff() > 0).all())


def test_the_branches_meet() -> None:
    for edge in (-1.0, -1e4):
        pair = log_h(torch.tensor([edge - 1e-9 * abs(edge), edge + 1e-9 * abs(edge)]).double())
        assert float(pair[0]) == pytest.approx(float(pair[1]), rel=1e-7)


def test_certainty_is_no_reason_for_infinities() -> None:
    value = log_expected_improvement(torch.zeros(1).double(), torch.zeros(1).double(), 1.0)
    assert bool(value.isfinite().all())
