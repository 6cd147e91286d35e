"""What a surrogate's belief is worth.

Notation: ``B`` configurations; ``mean, std: (B,)`` of the belief; ``best`` the value to improve on. Larger is better.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_C1 = 0.5 * math.log(2 * math.pi)
_C2 = 0.5 * math.log(0.5 * math.pi)
STD_LOW = 1e-10  #: least standard deviation, so that known points have a finite, hopeless value


def log_expected_improvement(mean: Tensor, std: Tensor, best: float | Tensor) -> Tensor:
    """log E[max(f - best, 0)] for f ~ N(mean, std), stable where the expectation underflows (Ament et al. 2023, eq. 9)."""
    std = std.clamp(min=STD_LOW)
    return log_h((mean - best) / std) + std.log()


def log_h(z: Tensor) -> Tensor:
    """log(phi(z) + z Phi(z)). Each branch sees only arguments at which it is exact."""
    near = z.clamp(min=-1.0)
    direct = (torch.exp(-0.5 * near**2 - _C1) + near * torch.special.ndtr(near)).log()
    tail = z.clamp(min=-1e5, max=-1.0)
    scaled = torch.special.erfcx(-tail / math.sqrt(2.0)) * tail.abs()
    middle = -0.5 * tail**2 - _C1 + torch.log1p(-torch.exp(scaled.log() + _C2))
    far = z.clamp(max=-1.0)
    limit = -0.5 * far**2 - _C1 - 2 * far.abs().log()
    return torch.where(z > -1.0, direct, torch.where(z > -1e4, middle, limit))
