"""The Gaussian process against other implementations and brute force."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern, WhiteKernel

from tunewright.agent.surrogate.gp import CONDITION_CAP, condition, fit, leave_one_out_r2, subset
from tunewright.agent.surrogate.kernel import GroupedMatern, Hyperparameters, Process, covariance

SCALES = torch.tensor([0.3, 0.7, 1.5], dtype=torch.float64)
GROUPS = torch.arange(3)
KNOWN = Hyperparameters(lengthscale=SCALES, noise=0.01, mean=0.2)


def data(count: int = 25, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, 3, generator=generator, dtype=torch.float64)
    y = torch.sin(5 * x[:, 0]) + x[:, 1] ** 2 + 0.1 * torch.randn(count, generator=generator, dtype=torch.float64)
    return x, (y - y.mean()) / y.std(correction=0)


def test_belief_is_that_of_scikit_learn() -> None:
    x, y = data()
    query = torch.rand(40, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    mean, std = condition(x, y, GROUPS, KNOWN).belief(query)
    kernel = Matern(SCALES.numpy(), nu=2.5)
    reference = GaussianProcessRegressor(kernel, alpha=0.01, optimizer=None).fit(x.numpy(), y.numpy() - 0.2)
    expected, deviation = reference.predict(query.numpy(), return_std=True)
    np.testing.assert_allclose(mean, expected + 0.2, rtol=1e-8)
    np.testing.assert_allclose(std, deviation, rtol=1e-7)


def test_the_density_is_that_of_scikit_learn_plus_the_priors() -> None:
    x, y = data()
    process = Process(GROUPS).double()
    process.place(KNOWN)
    with torch.no_grad():
        density = float(process(x, y)) * len(x)
        priors = sum(
            float(prior.log_prob(value(module)).sum()) for _, module, prior, value, _ in process.named_priors()
        )
    kernel = Matern(SCALES.numpy(), nu=2.5) + WhiteKernel(0.01)
    reference = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None).fit(x.numpy(), y.numpy() - 0.2)
    assert density - priors == pytest.approx(reference.log_marginal_likelihood_value_)
    lognormal = torch.distributions.LogNormal(math.sqrt(2) + math.log(3) / 2, math.sqrt(3))
    noise = torch.distributions.LogNormal(-0.7, 0.7)
    assert priors == pytest.approx(
        float(lognormal.log_prob(SCALES).sum() + noise.log_prob(torch.tensor(0.01))), rel=1e-6
    )


def at(lengthscale: torch.Tensor) -> Hyperparameters:
    return Hyperparameters(lengthscale=lengthscale, noise=0.01, mean=0.0)


def test_columns_of_one_group_share_a_length_scale() -> None:
    groups = torch.tensor([0, 1, 1])
    scales = torch.tensor([0.3, 0.7], dtype=torch.float64)
    x, _ = data(10)
    alike = covariance(x, x, at(torch.tensor([0.3, 0.7, 0.7], dtype=torch.float64)), GROUPS)
    torch.testing.assert_close(covariance(x, x, at(scales), groups), alike)
    kernel = GroupedMatern(groups).double()
    kernel.lengthscale = scales
    torch.testing.assert_close(kernel.forward(x, x).detach(), alike)


def test_leave_one_out_r2_is_that_of_brute_force() -> None:
    x, y = data(15)
    model = condition(x, y, GROUPS, KNOWN)
    left_out = []
    for index in range(len(x)):
        keep = torch.arange(len(x)) != index
        left_out.append(condition(x[keep], y[keep], GROUPS, KNOWN).belief(x[[index]])[0])
    brute = 1 - float((y - torch.cat(left_out)).square().sum() / (y - y.mean()).square().sum())
    assert leave_one_out_r2(y, model.alpha, torch.cholesky_inverse(model.factor).diagonal()) == pytest.approx(brute)


def test_points_under_way_move_no_mean_and_make_their_surroundings_surer() -> None:
    x, y = data()
    model = condition(x, y, GROUPS, KNOWN)
    query = torch.rand(30, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    awaited = query[:2] + 0.01
    told = model.pending(awaited[:1]).pending(awaited[1:])
    torch.testing.assert_close(told.belief(query)[0], model.belief(query)[0])
    assert bool((told.belief(query)[1] <= model.belief(query)[1] + 1e-12).all())
    assert float(told.belief(query[:2])[1].max()) < 0.75 * float(model.belief(query[:2])[1].min())
    together = condition(torch.cat([x, awaited]), torch.cat([y, model.belief(awaited)[0]]), GROUPS, KNOWN)
    torch.testing.assert_close(told.belief(query)[1], together.belief(query)[1])


def test_samples_have_the_moments_of_the_belief() -> None:
    x, y = data()
    model = condition(x, y, GROUPS, KNOWN)
    query = torch.rand(4, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    generator = torch.Generator().manual_seed(4)
    drawn = torch.stack([model.sample(query, generator) for _ in range(4000)])
    mean, std = model.belief(query)
    torch.testing.assert_close(drawn.mean(0), mean, rtol=0, atol=0.02)
    torch.testing.assert_close(drawn.std(0), std, rtol=0.06, atol=0)


def test_a_fit_finds_which_inputs_matter_and_how_much_noise_there_is() -> None:
    x, y = data(80)
    fitted = fit(x, y, GROUPS, None, torch.Generator().manual_seed(0)).hyperparameters
    assert fitted.lengthscale[0] < fitted.lengthscale[1] < 5 * fitted.lengthscale[2]
    assert fitted.lengthscale[2] > 3 * fitted.lengthscale[0]
    assert 0.001 < fitted.noise < 0.1


@pytest.mark.parametrize("y", [torch.zeros(6), torch.tensor([0.0, 0, 0, 0, 0, 1]), 1e-9 * torch.arange(6.0)])
def test_degenerate_targets_and_repeated_inputs_give_finite_beliefs(y: torch.Tensor) -> None:
    x = torch.full((6, 3), 0.5, dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fit(x, y.double(), GROUPS, None, torch.Generator().manual_seed(0))
    mean, std = model.belief(torch.rand(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    assert bool(mean.isfinite().all())
    assert bool(std.isfinite().all())


def test_a_subset_holds_the_latest_and_the_best() -> None:
    y = torch.arange(1000.0, 0.0, -1.0).double()  # the best came first
    chosen = subset(y, 300, torch.Generator().manual_seed(0)).tolist()
    assert len(chosen) == len(set(chosen)) == 300
    assert set(range(100)) | set(range(900, 1000)) <= set(chosen)
    assert chosen == sorted(chosen)
    assert subset(y[:300], 300, torch.Generator().manual_seed(0)).tolist() == list(range(300))


def test_a_long_history_is_conditioned_on_in_part() -> None:
    x, y = data(CONDITION_CAP + 50)
    model = fit(x, y, GROUPS, KNOWN, torch.Generator().manual_seed(0))
    assert len(model.x) == CONDITION_CAP
    assert model.r2 is not None
    assert model.r2 > 0.8
