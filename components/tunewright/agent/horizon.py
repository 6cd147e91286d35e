"""How far the surrogate may be used: the policy learns from predicted rewards until it has moved too far from where the model was fitted.

Paper, algorithm 1: save the policy when the reward model is fitted, update on predicted rewards while d(saved, current) <= delta. The
paper leaves d's direction and sum open; here it is KL(saved || current) of whole configurations: the exact divergence of each decision,
summed over decisions (chain rule), averaged over configurations drawn from the saved policy. It is exact when decisions do not depend on
drawn values, else an unbiased estimate on one fixed sample.

Notation: ``B`` configurations, ``T`` parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..preset import AgentSettings
from . import streams
from .acquisition import log_expected_improvement
from .advantage import advantages
from .grid import Array
from .heads import Heads
from .learner import Learner
from .policy import Policy, Rollout
from .surrogate.model import RewardModel

TRAJECTORIES = 256  #: configurations of the saved policy on which the KL is averaged


@dataclass(frozen=True, kw_only=True)
class Use:
    """What was done on predicted rewards."""

    updates: int
    kl: list[float]
    reason: str
    metrics: dict[str, float]


class Saved:
    """The policy as it was when the model was fitted."""

    def __init__(self, policy: Policy, generator: torch.Generator) -> None:
        self.rollout = policy.draw(TRAJECTORIES, generator)
        with torch.no_grad():
            self.heads: Heads = policy.heads(self.rollout.x)

    def kl(self, policy: Policy) -> float:
        """KL(saved || policy)."""
        with torch.no_grad():
            return kl(self.heads, policy.heads(self.rollout.x), self.rollout.active)


def kl(saved: Heads, current: Heads, active: Tensor) -> float:
    """Divergence of whole configurations; decisions that were not taken count nothing."""
    steps = saved.kl(current).expand(active.shape)
    return float(torch.where(active, steps, 0.0).sum(-1).mean())


def refusal(settings: AgentSettings, fitted: bool, r2: float | None, model: RewardModel | None) -> str | None:
    """Why the surrogate may not be used at all in this round, None when it may."""
    if settings.reward_model == "none":
        return "no reward model"
    if settings.proposal == "competition" and settings.policy_share == 0:
        return "no policy"
    if model is None:
        return "no surrogate"
    if not fitted:
        return "surrogate not refitted"
    if settings.r2_limit is not None and r2 is None:
        return "r2 unknown"
    if settings.r2_limit is not None and r2 is not None and r2 < settings.r2_limit:
        return f"r2 {r2:.2f} < {settings.r2_limit}"
    return None


def use(learner: Learner, model: RewardModel, settings: AgentSettings, seed: int) -> Use:
    """Update on predicted rewards while the KL is at most ``kl_limit``, at most ``model_updates`` times.

    The update that oversteps the limit is kept (paper) or undone, as ``settings.overstep`` says; its KL is reported either way.
    """
    generator = streams.generator(seed, "horizon")
    saved = Saved(learner.policy, generator)
    distances: list[float] = []
    metrics: dict[str, float] = {}
    for update in range(settings.model_updates):
        before = learner.snapshot()
        rollout = learner.policy.draw(settings.model_batch, generator)
        rewards = predicted_rewards(model, rollout, settings, generator)
        weight, learner.baseline = advantages(rewards, rewards, settings, learner.baseline)
        metrics = learner.update(rollout, torch.from_numpy(weight))
        distances.append(saved.kl(learner.policy))
        if distances[-1] > settings.kl_limit:
            undone = settings.overstep == "undo"
            if undone:
                learner.rewind(before)
            reason = f"kl {distances[-1]:.2f} > {settings.kl_limit}"
            return Use(updates=update + (not undone), kl=distances, reason=reason, metrics=metrics)
    return Use(updates=len(distances), kl=distances, reason=f"{settings.model_updates} updates", metrics=metrics)


def predicted_rewards(
    model: RewardModel, rollout: Rollout, settings: AgentSettings, generator: torch.Generator
) -> Array:
    """What the surrogate pays for drawn configurations ``(B,)``; NaN, the worst, for those that break constraints.

    The mean and a Thompson draw are in reward units; expected improvement is in target units, and in logarithms where only order counts.
    """
    if settings.predicted_reward == "thompson":
        draw = model.sample(rollout.x, generator).numpy()
        paid = model.scaling.rewards(draw, np.zeros_like(draw))[0]
    elif settings.predicted_reward == "mean":
        mean, std = model.belief(rollout.x)
        paid = model.scaling.rewards(mean.numpy(), std.numpy())[0]
    else:
        mean, std = model.belief(rollout.x)
        value = log_expected_improvement(mean, std, model.surrogate.best)
        paid = (value if settings.advantage == "rank" else value.exp()).numpy()
    return np.where(model.features.grid.feasible(rollout.x), paid, np.nan)
