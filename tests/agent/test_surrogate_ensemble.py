"""The ensemble: held-out errors, doubt, bytes."""

from __future__ import annotations

import pytest
import torch

from tunewright.agent.surrogate.ensemble import MEMBERS, fit


def data(count: int, noise: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, 2, generator=generator, dtype=torch.float64)
    y = (1 - noise) * torch.sin(4 * x[:, 0]) + noise * torch.randn(count, generator=generator, dtype=torch.float64)
    return x, (y - y.mean()) / y.std(correction=0)


def test_a_smooth_function_is_learnt_and_pure_noise_is_seen_through() -> None:
    smooth = fit(*data(60, 0.0), torch.Generator().manual_seed(1))
    noise = fit(*data(60, 1.0), torch.Generator().manual_seed(1))
    assert smooth.r2 is not None
    assert noise.r2 is not None
    assert smooth.r2 > 0.9
    assert noise.r2 < 0.1


def test_r2_rests_on_folds_that_a_member_did_not_see() -> None:
    x, y = data(40, 1.0)
    model = fit(x, y, torch.Generator().manual_seed(1))
    mean, _ = model.belief(x)
    seen = 1 - float((y - mean).square().sum() / (y - y.mean()).square().sum())
    assert model.r2 is not None
    assert seen > model.r2 + 0.2  # the members know most of these points, the folds do not


def test_doubt_is_at_least_the_held_out_error_and_shrinks_at_what_is_under_way() -> None:
    x, y = data(40, 0.5)
    model = fit(x, y, torch.Generator().manual_seed(1))
    _, before = model.belief(x)
    assert bool((before >= model.residual).all())
    _, after = model.pending(x[:1]).belief(x)
    assert after[0] < 0.01 * before[0]
    assert bool((after <= before).all())


def test_a_sample_is_one_member() -> None:
    x, y = data(20, 0.1)
    model = fit(x, y, torch.Generator().manual_seed(1))
    drawn = {tuple(model.sample(x, torch.Generator().manual_seed(seed)).tolist()) for seed in range(40)}
    assert len(drawn) == MEMBERS


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_handful_of_observations_is_enough_to_fit(count: int) -> None:
    x, y = data(count, 0.0)
    mean, std = fit(x, y, torch.Generator().manual_seed(1)).belief(x)
    assert bool(mean.isfinite().all())
    assert bool((std > 0).all())
