"""An ensemble of small neural networks, each trained without one fold of the observations.

Notation: ``M`` members, ``N`` observations, ``S`` observations of one step, ``B`` queries, ``D`` inputs, ``H`` hidden nodes;
parameters carry the members in front, e.g. ``w1: (M, D, H)``, so that all members train in one pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

import torch
from torch import Tensor

from ..adam import Adam

MEMBERS = 5
HIDDEN = 32
STEPS = 250
BATCH = 64
LEARNING_RATE = 0.01
WEIGHT_DECAY = 1e-3
REACH = 0.3  #: distance, as a share of sqrt(D), over which a configuration under way makes the belief surer


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """A fitted ensemble."""

    parameters: Mapping[str, Tensor]
    residual: float  #: standard deviation of the out-of-fold errors
    best: float
    r2: float | None
    awaited: Tensor  #: (P, D) configurations under way

    def belief(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `port.Surrogate`: mean of the members; their variance and that of the out-of-fold errors added."""
        members = _forward(self.parameters, x.expand(MEMBERS, -1, -1))
        std = (members.var(0) + self.residual**2).sqrt()
        if len(self.awaited):
            nearest = torch.cdist(x, self.awaited).min(dim=1).values / (REACH * x.shape[1] ** 0.5)
            std = std * (1.0 - torch.exp(-0.5 * nearest.square())).clamp(min=1e-6)
        return members.mean(0), std

    def sample(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """See `port.Surrogate`: one member."""
        member = int(torch.randint(MEMBERS, (), generator=generator))
        return _forward(self.parameters, x.expand(MEMBERS, -1, -1))[member]

    def plausible(self, generator: torch.Generator) -> Iterator[Ensemble]:
        """See `port.Surrogate`: itself, whose members disagree already."""
        return repeat(self)

    def pending(self, x: Tensor) -> Ensemble:
        """See `port.Surrogate`."""
        best = max(self.best, float(self.belief(x)[0].max())) if len(x) else self.best
        return replace(self, awaited=torch.cat([self.awaited, x]), best=best)

    def tensors(self) -> Mapping[str, Tensor]:
        """See `port.Surrogate`."""
        return self.parameters

    def notes(self) -> Mapping[str, Any]:
        """See `port.Surrogate`."""
        return {"residual": self.residual, "best": self.best, "r2": self.r2}


def fit(x: Tensor, y: Tensor, generator: torch.Generator) -> Ensemble:
    """Train all members from new weights; their number of steps does not depend on the number of observations."""
    fold = _folds(len(x), generator)
    held_in = fold[None, :] != torch.arange(MEMBERS)[:, None]
    parameters = _initial(x.shape[1], generator)
    optimizer = Adam(parameters, LEARNING_RATE)
    chance = held_in.to(x.dtype)
    with torch.enable_grad():
        for step in range(STEPS):
            optimizer.learning_rate = LEARNING_RATE * (1 - step / STEPS)
            rows = torch.multinomial(chance, min(BATCH, 2 * len(x)), replacement=True, generator=generator)
            errors = (_forward(parameters, x[rows]) - y[rows]).square().mean(1).sum()
            penalty = sum((value.square().sum() for value in parameters.values()), torch.zeros(()))
            gradients = torch.autograd.grad(errors + 0.5 * WEIGHT_DECAY * penalty, list(parameters.values()))
            optimizer.step(dict(zip(parameters, gradients, strict=True)))
    parameters = {name: value.detach() for name, value in parameters.items()}
    everywhere = _forward(parameters, x.expand(MEMBERS, -1, -1))
    errors = y - everywhere[fold, torch.arange(len(x))]
    total = float((y - y.mean()).square().sum())
    return Ensemble(
        parameters=parameters,
        residual=max(float(errors.square().mean().sqrt()), 1e-3),
        best=float(everywhere.mean(0).max()),
        r2=1.0 - float(errors.square().sum()) / total if total > 1e-12 else None,
        awaited=torch.empty(0, x.shape[1], dtype=x.dtype),
    )


def _folds(count: int, generator: torch.Generator) -> Tensor:
    """Fold of each observation ``(N,)``, as equal in size as can be."""
    return torch.randperm(count, generator=generator) % min(MEMBERS, count)


def _initial(inputs: int, generator: torch.Generator) -> dict[str, Tensor]:
    sizes = ((inputs, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 1))
    parameters: dict[str, Tensor] = {}
    for layer, (fan_in, fan_out) in enumerate(sizes, start=1):
        weight = torch.randn(MEMBERS, fan_in, fan_out, generator=generator, dtype=torch.float64) * fan_in**-0.5
        parameters[f"w{layer}"] = weight.requires_grad_()
        parameters[f"b{layer}"] = torch.zeros(MEMBERS, 1, fan_out, dtype=torch.float64, requires_grad=True)
    return parameters


def _forward(parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Outputs ``(M, B)`` of inputs ``(M, B, D)``."""
    hidden = torch.tanh(torch.baddbmm(parameters["b1"], x, parameters["w1"]))
    hidden = torch.tanh(torch.baddbmm(parameters["b2"], hidden, parameters["w2"]))
    return torch.baddbmm(parameters["b3"], hidden, parameters["w3"]).squeeze(-1)
