"""What the policy draws each parameter from.

Notation: ``B`` configurations (1 when they share one distribution), ``T`` parameters, ``K`` largest number of choices.
``mu, sigma: (B, T)`` on the scale [-1, 1]; ``logits: (B, T, K)`` normalised, -inf where a parameter has fewer choices;
``action: (B, T)``: the draw ``h`` of a normal, or the index of a choice. Everything is summed over ``T`` by the caller, under a mask.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

SIGMA_LOW, SIGMA_HIGH = 0.02, 1.0
"""Bounds of sigma. The paper leaves open how sigma is kept positive: here log sigma runs between these through a sigmoid, so that
densities, entropies and the KL stay finite whatever the network says."""
SIGMA_START = 0.6
"""Sigma of an untrained policy: nine tenths of its draws lie inside the range."""
LOGIT_BOUND = 6.0
"""Logits stay within plus and minus this, so that no choice ever dies out and the KL stays finite."""


@dataclass(frozen=True, kw_only=True)
class Heads:
    """Distributions of all parameters, given what was fed to the network."""

    mu: Tensor
    sigma: Tensor
    logits: Tensor
    categorical: Tensor  #: (T,) bool: parameters drawn from logits

    def log_prob(self, action: Tensor) -> Tensor:
        """Log-density of a number or log-probability of a choice: ``(B, T)``."""
        normal = -0.5 * ((action - self.mu) / self.sigma) ** 2 - self.sigma.log() - 0.5 * math.log(2 * math.pi)
        if not self.logits.shape[-1]:
            return normal
        index = torch.where(self.categorical, action, 0.0).long().unsqueeze(-1)
        choice = self.logits.expand(*index.shape[:-1], -1).gather(-1, index).squeeze(-1)
        return torch.where(self.categorical, choice, normal)

    def entropy(self) -> Tensor:
        """Entropy, differential for numbers: ``(B, T)``."""
        normal = 0.5 + 0.5 * math.log(2 * math.pi) + self.sigma.log()
        return torch.where(self.categorical, -_expected(self.logits, self.logits), normal)

    def kl(self, other: Heads) -> Tensor:
        """Exact KL(self || other): ``(B, T)``."""
        squares = (self.sigma**2 + (self.mu - other.mu) ** 2) / (2 * other.sigma**2)
        normal = other.sigma.log() - self.sigma.log() + squares - 0.5
        choice = _expected(self.logits, self.logits) - _expected(self.logits, other.logits)
        return torch.where(self.categorical, choice, normal)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Actions ``(count, T)``, one row for each of ``B`` or all from the shared one."""
        steps = self.mu.shape[-1]
        h = self.mu + self.sigma * torch.randn(count, steps, generator=generator, dtype=self.mu.dtype)
        if not self.logits.shape[-1]:
            return h
        uniform = torch.rand(count, steps, 1, generator=generator, dtype=self.mu.dtype)
        index = (self.logits.exp().cumsum(-1) < uniform * self.logits.exp().sum(-1, keepdim=True)).sum(-1)
        return torch.where(self.categorical, index.to(h.dtype), h)


def _expected(logits: Tensor, values: Tensor) -> Tensor:
    """Expectation of ``values`` under ``logits``; choices that do not exist count nothing."""
    there = logits > -torch.inf
    return torch.where(there, logits.exp() * torch.where(there, values, 0.0), 0.0).sum(-1)


def heads(output: Tensor, choices: Tensor) -> Heads:
    """Distributions from the network's output.

    Args:
        output: ``(B, T, 2 + K)``: raw mu, raw sigma, raw logits.
        choices: ``(T,)`` number of choices, 0 for parameters drawn as numbers.
    """
    low, high = math.log(SIGMA_LOW), math.log(SIGMA_HIGH)
    sigma = torch.exp(low + (high - low) * torch.sigmoid(output[..., 1] + START))
    bounded = LOGIT_BOUND * torch.tanh(output[..., 2:] / LOGIT_BOUND)
    there = torch.arange(bounded.shape[-1]) < choices.clamp(min=1)[:, None]
    logits = torch.log_softmax(bounded.masked_fill(~there, -torch.inf), dim=-1)
    return Heads(mu=torch.tanh(output[..., 0]), sigma=sigma, logits=logits, categorical=choices > 0)


_SHARE = (math.log(SIGMA_START) - math.log(SIGMA_LOW)) / (math.log(SIGMA_HIGH) - math.log(SIGMA_LOW))
START = math.log(_SHARE / (1 - _SHARE))
"""Added to raw sigma, so that an output of 0 means SIGMA_START."""
