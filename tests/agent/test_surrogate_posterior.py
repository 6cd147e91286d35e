"""Drawn hyperparameters against their prior and against integration on a grid."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from tunewright.agent.surrogate import gp, posterior
from tunewright.agent.surrogate.kernel import LENGTHSCALE_LOW, NOISE_LOW, Hyperparameters, start

DRAWS = 4000
FIRST = Hyperparameters(lengthscale=torch.tensor([0.4], dtype=torch.float64), noise=0.2, mean=0.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def chain(x: torch.Tensor, y: torch.Tensor, groups: torch.Tensor, first: Hyperparameters, count: int) -> np.ndarray:
    drawn = islice(posterior.draws(x, y, groups, first, generator()), count)
    return np.stack([posterior._theta(at).numpy() for at in drawn])


@pytest.mark.parametrize("informed", [False, True])
def test_without_observations_the_draws_are_those_of_the_prior(informed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posterior, "STEPS", 2)
    groups, columns = torch.arange(3), 3 + 2 * informed
    nothing = torch.empty(0, columns, dtype=torch.float64), torch.empty(0, dtype=torch.float64)
    drawn = chain(*nothing, groups, start(groups, informed=informed), DRAWS)
    expected = [(math.sqrt(2) + math.log(3) / 2, math.sqrt(3))] * 3 + [(-0.7, 0.7), (0.0, 0.5)]
    expected += [(-0.7, 0.7), (0.0, 0.7)] if informed else []
    center, spread = np.array(expected).T
    # a value below a bound counts as the bound; so low is one draw in a thousand of the least length-scale
    np.testing.assert_allclose(drawn.mean(0), center, atol=0.12 * spread.max())
    np.testing.assert_allclose(drawn.std(0), spread, rtol=0.08)


def test_the_draws_have_the_moments_of_an_integration_on_a_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean of targets is held, so that two hyperparameters are left."""
    monkeypatch.setattr(posterior, "MEAN_PRIOR", (0.0, 1e-9))
    monkeypatch.setattr(posterior, "STEPS", 3)
    x = torch.rand(14, 1, generator=generator(1), dtype=torch.float64)
    y = torch.sin(6 * x[:, 0]) + 0.3 * torch.randn(14, generator=generator(2), dtype=torch.float64)
    y = (y - y.mean()) / y.std(correction=0)
    groups = torch.arange(1)
    drawn = chain(x, y, groups, FIRST, DRAWS)[:, :2]
    logs = [np.linspace(math.log(LENGTHSCALE_LOW), 7, 80), np.linspace(-5, 2, 60)]
    mesh = np.stack(np.meshgrid(*logs, indexing="ij"), axis=-1).reshape(-1, 2)
    prior = -0.5 * (((mesh - [math.sqrt(2), -0.7]) / [math.sqrt(3), 0.7]) ** 2).sum(1)
    likelihood = [
        posterior._log_likelihood(
            x, y, groups, replace(FIRST, lengthscale=torch.tensor([math.exp(row[0])]).double(), noise=math.exp(row[1]))
        )
        for row in mesh
    ]
    weight = np.exp(prior + likelihood - np.max(prior + likelihood))
    center = weight @ mesh / weight.sum()
    spread = np.sqrt(weight @ (mesh - center) ** 2 / weight.sum())
    np.testing.assert_allclose(drawn.mean(0), center, atol=0.1 * spread.max())
    np.testing.assert_allclose(drawn.std(0), spread, rtol=0.12)


def test_draws_are_within_the_bounds_of_a_fit_and_the_same_for_the_same_seed() -> None:
    x = torch.rand(30, 3, generator=generator(), dtype=torch.float64)
    y = x[:, 0] - x[:, 0].mean()
    groups = torch.arange(3)
    model = gp.fit(x, y / y.std(correction=0), groups, None, generator())
    first, again = ([g.hyperparameters for g in islice(model.plausible(generator(5)), 8)] for _ in range(2))
    assert [repr(at) for at in first] == [repr(at) for at in again]
    assert all(at.noise >= NOISE_LOW and bool((at.lengthscale >= LENGTHSCALE_LOW).all()) for at in first)
    assert len({at.noise for at in first}) == 8


def test_what_matters_stays_what_matters_and_the_rest_is_left_open() -> None:
    """Of sixty results one input's length-scale is known within a factor of three, the others may be anything long."""
    x = torch.rand(60, 4, generator=generator(), dtype=torch.float64)
    y = torch.sin(7 * x[:, 0]) + 0.2 * torch.randn(60, generator=generator(3), dtype=torch.float64)
    y = (y - y.mean()) / y.std(correction=0)
    model = gp.fit(x, y, torch.arange(4), None, generator())
    scales = torch.stack([g.hyperparameters.lengthscale for g in islice(model.plausible(generator(1)), 60)]).log()
    assert float(scales[:, 0].max()) < 0.5
    assert float(scales[:, 0].std()) < 1.1
    assert float(scales[:, 1:].std()) > 1.1
    assert float(scales[:, 1:].mean()) > 2.0


def test_a_long_history_is_drawn_from_in_part_and_believed_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = list[int]()
    whole = posterior._log_likelihood

    def counted(x: torch.Tensor, *given: torch.Tensor) -> float:
        sizes.append(len(x))
        return whole(x, *given)

    x = torch.rand(400, 3, generator=generator(), dtype=torch.float64)
    y = torch.randn(400, generator=generator(1), dtype=torch.float64)
    model = gp.condition(x, y, torch.arange(3), start(torch.arange(3)))
    monkeypatch.setattr(posterior, "_log_likelihood", counted)
    other = next(model.plausible(generator()))
    assert set(sizes) == {gp.DRAW_CAP}
    assert len(other.x) == 400


def test_targets_that_no_process_explains_leave_the_chain_where_it_is() -> None:
    x = torch.rand(5, 1, generator=generator(), dtype=torch.float64)
    y = torch.full((5,), math.nan, dtype=torch.float64)
    assert repr(next(posterior.draws(x, y, torch.arange(1), FIRST, generator()))) == repr(FIRST)
