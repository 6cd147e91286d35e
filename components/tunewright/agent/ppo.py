"""One PPO update with a terminal reward; names as in cleanrl's ppo.py.

Notation: ``B`` configurations, ``T`` parameters; ``newlogprob, oldlogprob, ratio: (B, T)``; ``advantages: (B,)``, the same for every
decision of a configuration; ``active: (B, T)`` masks decisions that were not taken. Means run over active decisions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..preset import AgentSettings
from .adam import Adam, clipped
from .policy import Policy, Rollout


def ppo_loss(
    newlogprob: Tensor, oldlogprob: Tensor, entropy: Tensor, advantages: Tensor, active: Tensor, settings: AgentSettings
) -> tuple[Tensor, dict[str, float]]:
    """Clipped surrogate objective minus the entropy bonus, and cleanrl's metrics."""
    logratio = newlogprob - oldlogprob
    ratio = logratio.exp()
    pg_loss1 = -advantages[:, None] * ratio
    pg_loss2 = -advantages[:, None] * ratio.clamp(1 - settings.clip_coef, 1 + settings.clip_coef)
    pg_loss = _mean(torch.max(pg_loss1, pg_loss2), active)
    entropy_loss = _mean(entropy, active)
    with torch.no_grad():
        metrics = {
            "approx_kl": float(_mean((ratio - 1) - logratio, active)),
            "clipfrac": float(_mean(((ratio - 1).abs() > settings.clip_coef).to(ratio.dtype), active)),
            "entropy": float(entropy_loss),
            "policy_loss": float(pg_loss),
        }
    return pg_loss - settings.entropy * entropy_loss, metrics


def ppo_update(
    policy: Policy, optimizer: Adam, rollout: Rollout, advantages: Tensor, settings: AgentSettings
) -> dict[str, float]:
    """``update_epochs`` passes over one batch, which is small enough to be one minibatch. Returns the last pass's metrics.

    ``oldlogprob`` is taken from the policy as it stands now: configurations that came from elsewhere (a design, neighbours, an older
    policy) are treated as its own.
    """
    with torch.no_grad():
        oldlogprob = policy.log_prob(rollout)
    metrics: dict[str, float] = {}
    for _ in range(settings.update_epochs):
        current = policy.heads(rollout.x)
        newlogprob = current.log_prob(rollout.action)
        entropy = current.entropy().expand_as(newlogprob)
        loss, metrics = ppo_loss(newlogprob, oldlogprob, entropy, advantages, rollout.active, settings)
        names, parameters = zip(*policy.named_parameters(), strict=True)
        gradients = dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))
        optimizer.step(clipped(gradients, settings.max_grad_norm))
    return metrics


def _mean(values: Tensor, active: Tensor) -> Tensor:
    return torch.where(active, values, 0.0).sum() / active.sum().clamp(min=1)
