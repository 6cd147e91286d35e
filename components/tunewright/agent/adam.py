"""Adam (Kingma and Ba 2015, algorithm 1) with its state in plain sight.

Written out, because torch.optim loads the compiler of torch on first use: 160 MB and seconds of every step. A test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

BETA1, BETA2 = 0.9, 0.999
EPS = 1e-5  #: as cleanrl's PPO


class Adam:
    """Descends on parameters by name. ``state`` holds all that a step reads and writes besides them."""

    def __init__(self, parameters: Mapping[str, Tensor], learning_rate: float) -> None:
        self.parameters = dict(parameters)
        self.learning_rate = learning_rate
        self.state: dict[str, Tensor] = {"adam.step": torch.zeros((), dtype=torch.float64)}
        for name, parameter in self.parameters.items():
            self.state[f"adam.exp_avg.{name}"] = torch.zeros_like(parameter, requires_grad=False)
            self.state[f"adam.exp_avg_sq.{name}"] = torch.zeros_like(parameter, requires_grad=False)

    @torch.no_grad()
    def step(self, gradients: Mapping[str, Tensor]) -> None:
        """One step against ``gradients``, in place."""
        self.state["adam.step"] += 1
        step = float(self.state["adam.step"])
        for name, parameter in self.parameters.items():
            exp_avg = self.state[f"adam.exp_avg.{name}"].lerp_(gradients[name], 1 - BETA1)
            exp_avg_sq = (
                self.state[f"adam.exp_avg_sq.{name}"]
                .mul_(BETA2)
                .addcmul_(gradients[name], gradients[name], value=1 - BETA2)
            )
            denominator = (exp_avg_sq / (1 - BETA2**step)).sqrt_().add_(EPS)
            parameter.addcdiv_(exp_avg, denominator, value=-self.learning_rate / (1 - BETA1**step))


def clipped(gradients: Mapping[str, Tensor], max_norm: float) -> dict[str, Tensor]:
    """Gradients scaled so that their joint norm is at most ``max_norm``."""
    norm = torch.stack([gradient.square().sum() for gradient in gradients.values()]).sum().sqrt()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    return {name: gradient * factor for name, gradient in gradients.items()}
