"""PPO with a terminal reward, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.agent.spaces import conditional, unit

from tunewright.agent.advantage import BASELINE_DECAY, advantages
from tunewright.agent.grid import Grid
from tunewright.agent.learner import Learner
from tunewright.agent.policy import Policy
from tunewright.agent.ppo import ppo_loss
from tunewright.preset import AgentSettings

D = torch.float64


def loss_of(ratio: float, advantage: float, **settings: object) -> tuple[float, dict[str, float]]:
    new = torch.tensor([[math.log(ratio)]], dtype=D)
    loss, metrics = ppo_loss(
        newlogprob=new,
        oldlogprob=torch.zeros(1, 1, dtype=D),
        entropy=torch.ones(1, 1, dtype=D),
        advantages=torch.tensor([advantage], dtype=D),
        active=torch.ones(1, 1, dtype=torch.bool),
        settings=AgentSettings(entropy=0.0, clip_coef=0.2, **settings),
    )
    return float(loss), metrics


@pytest.mark.parametrize(
    ("ratio", "advantage", "expected"),
    [
        (1.1, 2.0, -2.2),  # inside the clip: - ratio * advantage
        (1.5, 2.0, -2.4),  # a good action is not pushed above 1 + clip
        (0.5, -2.0, 1.6),  # a bad one is not pushed below 1 - clip
        (1.5, -2.0, 3.0),  # but a bad one that became likelier is fully charged
        (0.5, 2.0, -1.0),
    ],
)
def test_the_clipped_objective_by_hand(ratio: float, advantage: float, expected: float) -> None:
    assert loss_of(ratio, advantage)[0] == pytest.approx(expected)


def test_metrics_by_hand() -> None:
    _, metrics = loss_of(1.5, 2.0)
    assert metrics["approx_kl"] == pytest.approx(0.5 - math.log(1.5))
    assert metrics["clipfrac"] == 1.0
    assert metrics["entropy"] == 1.0


def test_every_decision_of_a_configuration_has_its_terminal_reward_as_return_and_inactive_ones_count_nothing() -> None:
    new = torch.tensor([[0.1, -0.3, 9.0], [0.2, 0.0, 0.1]], dtype=D).log1p().requires_grad_()
    active = torch.tensor([[True, True, False], [True, True, True]])
    weights = torch.tensor([1.0, -0.5], dtype=D)
    settings = AgentSettings(entropy=0.0, clip_coef=0.9)
    loss, _ = ppo_loss(new, torch.zeros(2, 3, dtype=D), torch.zeros(2, 3, dtype=D), weights, active, settings)
    by_hand = (-(1.1 + 0.7) * 1.0 + 0.5 * (1.2 + 1.0 + 1.1)) / 5
    assert float(loss.detach()) == pytest.approx(by_hand)
    (gradient,) = torch.autograd.grad(loss, new)
    assert float(gradient[0, 2]) == 0.0


def test_the_entropy_bonus_is_subtracted() -> None:
    one = torch.ones(1, 1, dtype=D)
    loss, _ = ppo_loss(0 * one, 0 * one, 3 * one, torch.zeros(1, dtype=D), one.bool(), AgentSettings(entropy=0.1))
    assert float(loss) == pytest.approx(-0.3)


def test_raw_advantages_are_rewards_minus_a_moving_baseline() -> None:
    settings = AgentSettings(advantage="raw")
    first, baseline = advantages(np.array([1.0, 3.0]), np.array([1.0, 3.0]), settings, None)
    assert first.tolist() == [-1.0, 1.0]
    assert baseline == pytest.approx(2.0)
    second, baseline = advantages(np.array([5.0]), np.array([1.0, 3.0, 5.0]), settings, baseline)
    assert second.tolist() == [3.0]
    assert baseline == pytest.approx(BASELINE_DECAY * 2.0 + (1 - BASELINE_DECAY) * 5.0)


def test_zscores_and_ranks_are_taken_within_the_history() -> None:
    history = np.array([1.0, 2.0, 3.0, 6.0])
    assert advantages(np.array([6.0]), history, AgentSettings(advantage="zscore"), None)[0] == pytest.approx(
        (6 - 3) / history.std()
    )
    ranked = advantages(np.array([1.0, 6.0]), history, AgentSettings(advantage="rank"), None)[0]
    assert ranked.tolist() == [-0.75, 0.75]


def test_ties_share_a_rank_and_a_failure_is_the_worst() -> None:
    history = np.array([2.0, 2.0, 5.0, np.nan])
    ranked = advantages(history, history, AgentSettings(advantage="rank"), None)[0]
    assert ranked.tolist() == [0.0, 0.0, 0.75, -0.75]


@pytest.mark.parametrize("scale", ["raw", "zscore", "rank"])
@pytest.mark.parametrize("success", [1.0, 0.0, -4.0])
def test_a_failure_is_worse_than_successes_that_are_all_equal(scale: str, success: float) -> None:
    history = np.array([success, success, np.nan])
    weight = advantages(history, history, AgentSettings(advantage=scale), None)[0]
    assert weight[2] < 0 < weight[0] == weight[1]


def test_failures_alone_teach_nothing() -> None:
    history = np.full(3, np.nan)
    for scale in ("raw", "zscore", "rank"):
        assert not advantages(history, history, AgentSettings(advantage=scale), None)[0].any()


@pytest.mark.parametrize("feed", ["value", "distribution"])
@pytest.mark.parametrize("distribution", ["mixed", "normal"])
@pytest.mark.parametrize("decision", ["sequential", "one-step"])
def test_inactive_parameters_have_log_probability_zero(feed: str, distribution: str, decision: str) -> None:
    grid = Grid(conditional())
    policy = Policy(grid, AgentSettings(feed=feed, distribution=distribution, decision=decision, order="random"))
    rollout = policy.draw(64, torch.Generator().manual_seed(1))
    with torch.no_grad():
        log_prob = policy.log_prob(rollout)
    assert bool((log_prob[~rollout.active] == 0).all())
    assert bool((log_prob[rollout.active] != 0).all())
    assert not bool(rollout.active.all())


def test_drawing_and_scoring_agree_on_the_distribution() -> None:
    grid = Grid(conditional())
    policy = Policy(grid, AgentSettings(order="random"))
    rollout = policy.draw(4000, torch.Generator().manual_seed(1))
    with torch.no_grad():
        family = policy.heads(rollout.x).logits[:, 1, :3].exp()
    drawn = torch.bincount(rollout.action[:, 1].long(), minlength=3) / 4000
    torch.testing.assert_close(drawn.double(), family.mean(0), rtol=0, atol=0.03)


def _learn(settings: AgentSettings, reward, steps: int, count: int) -> Learner:
    learner = Learner(Grid(unit(count=count)), settings)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        rollout = learner.policy.draw(64, generator)
        rewards = reward(rollout.x)
        weight, learner.baseline = advantages(rewards, rewards, settings, learner.baseline)
        learner.update(rollout, torch.from_numpy(weight))
    return learner


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_a_known_optimum_is_learnt(preset: str) -> None:
    target = np.array([0.2, 0.8, 0.6])
    settings = AgentSettings(preset=preset, advantage="rank", seed=1)
    learner = _learn(settings, lambda x: -np.square(x - target).sum(1), steps=120, count=3)
    drawn = learner.policy.draw(500, torch.Generator().manual_seed(9)).x
    assert np.abs(drawn - target).mean() < 0.08


@pytest.mark.timeout(1200)  # two trainings of a policy: a minute, and far more on a busy machine
def test_only_a_policy_that_sees_drawn_values_learns_that_two_parameters_belong_together() -> None:
    correlation, reward, spread = {}, {}, {}
    for feed in ("value", "distribution"):  # an entropy bonus keeps both wide; the best there is lies on x0 + x1 = 1
        settings = AgentSettings(feed=feed, advantage="rank", entropy=0.1, learning_rate=0.007, seed=2)
        learner = _learn(settings, lambda x: -np.abs(x.sum(1) - 1), steps=250, count=2)
        drawn = learner.policy.draw(2000, torch.Generator().manual_seed(9)).x
        correlation[feed] = np.corrcoef(drawn.T)[0, 1]
        spread[feed] = drawn[:, 0].std()
        reward[feed] = -np.abs(drawn.sum(1) - 1).mean()
    assert abs(correlation["distribution"]) < 0.1
    assert correlation["value"] < -0.6
    assert spread["value"] > 3 * spread["distribution"]  # it reaches the line and stays wide along it
    assert reward["value"] > reward["distribution"]
