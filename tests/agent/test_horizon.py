"""How far the surrogate is used."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.agent.spaces import conditional, observed, unit

from tunewright.agent.grid import Grid
from tunewright.agent.heads import heads
from tunewright.agent.horizon import Saved, kl, predicted_rewards
from tunewright.agent.learner import restore
from tunewright.agent.policy import Policy
from tunewright.agent.surrogate.model import load
from tunewright.agent.verbs import Updated, fit, update
from tunewright.preset import AgentSettings
from tunewright.space import Configuration, Space

SPACE = unit(count=3)


def bowl(configuration: Configuration) -> float:
    return -sum((float(value) - 0.3) ** 2 for value in configuration.values())


def updated(settings: AgentSettings, *, r2: float | None = 0.9, fitted: bool = True, space: Space = SPACE) -> Updated:
    history = observed(space, bowl if space is SPACE else lambda c: float(c["rate"]), 20)
    weights = fit(space=space, settings=settings, history=history, previous=None, seed=0).weights
    return update(
        space=space,
        settings=settings,
        history=history,
        batch=history[-4:],
        policy=None,
        surrogate=weights,
        fitted=fitted,
        r2=r2,
        seed=1,
    )


def test_it_stops_at_the_kl_limit_and_undoes_the_step_too_far() -> None:
    done = updated(AgentSettings(kl_limit=0.1, model_updates=200, learning_rate=0.007))
    assert done.kl[-1] > 0.1
    assert max(done.kl[:-1], default=0.0) <= 0.1
    assert done.predicted_updates == len(done.kl) - 1
    assert done.horizon == f"kl {done.kl[-1]:.2f} > 0.1"


def test_the_paper_keeps_the_step_too_far() -> None:
    kept = updated(AgentSettings(preset="paper", kl_limit=0.1, refit_every=5))
    assert kept.predicted_updates == len(kept.kl)
    assert kept.kl[-1] > 0.1


def test_undoing_gives_back_the_policy_before_the_step() -> None:
    settings = AgentSettings(kl_limit=1e-9, model_updates=5)
    assert updated(settings).predicted_updates == 0
    assert updated(settings).weights == updated(settings, r2=None).weights


def test_it_stops_after_so_many_updates() -> None:
    done = updated(AgentSettings(kl_limit=1e6, model_updates=7))
    assert (done.predicted_updates, len(done.kl), done.horizon) == (7, 7, "7 updates")


@pytest.mark.parametrize(
    ("settings", "r2", "fitted", "reason"),
    [
        ({}, -0.1, True, "r2 -0.10 < 0.0"),
        ({}, None, True, "r2 unknown"),
        ({}, 0.9, False, "surrogate not refitted"),
        ({"reward_model": "none"}, None, False, "no reward model"),
        ({"policy_share": 0.0}, 0.9, True, "no policy"),
    ],
)
def test_it_is_not_used_and_says_why(settings: dict[str, object], r2: float | None, fitted: bool, reason: str) -> None:
    done = updated(AgentSettings(**settings), r2=r2, fitted=fitted)
    assert (done.predicted_updates, done.kl, done.horizon) == (0, [], reason)


def test_the_paper_asks_no_r2() -> None:
    assert updated(AgentSettings(preset="paper", refit_every=5), r2=-3.0).predicted_updates > 0


def test_the_kl_of_configurations_is_the_sum_over_decisions_by_the_chain_rule() -> None:
    grid = Grid(conditional())
    settings = AgentSettings(order="random")
    one, other = Policy(grid, settings), Policy(grid, settings)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(
                0.6
                * torch.randn(
                    parameter.shape, generator=torch.Generator().manual_seed(len(parameter)), dtype=torch.float64
                )
            )
        rollout = one.draw(4000, torch.Generator().manual_seed(1))
        ratio = (one.log_prob(rollout) - other.log_prob(rollout)).sum(1)
        exact = kl(one.heads(rollout.x), other.heads(rollout.x), rollout.active)
    estimate, error = float(ratio.mean()), float(ratio.std()) / 4000**0.5
    assert exact == pytest.approx(estimate, abs=4 * error)
    assert exact > 10 * error


def test_a_policy_has_not_moved_from_itself() -> None:
    policy = Policy(Grid(conditional()), AgentSettings())
    assert Saved(policy, torch.Generator().manual_seed(0)).kl(policy) == 0.0


def test_decisions_not_taken_add_no_divergence() -> None:
    choices = torch.tensor([0, 0])
    one = heads(torch.zeros(1, 2, 2, dtype=torch.float64), choices)
    other = heads(torch.tensor([[[0.0, 0.0], [3.0, 1.0]]], dtype=torch.float64), choices)
    assert kl(one, other, torch.tensor([[True, False]])) == 0.0
    assert kl(one, other, torch.tensor([[True, True]])) > 0.1


@pytest.mark.parametrize("predicted", ["mean", "expected-improvement", "thompson"])
@pytest.mark.parametrize("reward_model", ["gp", "ensemble"])
def test_predicted_rewards_rank_good_above_bad_and_infeasible_is_nan(predicted: str, reward_model: str) -> None:
    space = unit(count=2)
    bounded = Space(space.parameters, ["x0 + x1 <= 1.5"])
    settings = AgentSettings(predicted_reward=predicted, reward_model=reward_model)
    history = observed(bounded, bowl, 40)
    model = load(
        fit(space=bounded, settings=settings, history=history, previous=None, seed=0).weights or b"", Grid(bounded)
    )
    rollout = Policy(Grid(bounded), settings).actions(np.array([[0.3, 0.3], [0.05, 0.95], [0.9, 0.9]]))
    paid = predicted_rewards(model, rollout, settings, torch.Generator().manual_seed(0))
    assert paid[0] > paid[1]
    assert np.isnan(paid[2])


def test_a_surrogate_teaches_the_policy_where_the_optimum_is() -> None:
    settings = AgentSettings(kl_limit=1e6, model_updates=40, predicted_reward="mean", learning_rate=0.007)
    history = observed(SPACE, bowl, 40)
    weights = fit(space=SPACE, settings=settings, history=history, previous=None, seed=0).weights
    arguments = {
        "space": SPACE,
        "settings": settings,
        "history": history,
        "surrogate": weights,
        "fitted": True,
        "r2": 0.9,
        "seed": 1,
    }
    policy = update(**arguments, batch=[], policy=None).weights
    drawn = restore(Grid(SPACE), settings, policy)[0].policy.draw(300, torch.Generator().manual_seed(2)).x
    untrained = Policy(Grid(SPACE), settings).draw(300, torch.Generator().manual_seed(2)).x
    assert np.abs(drawn - 0.3).mean() < 0.6 * np.abs(untrained - 0.3).mean()
