"""What a reward model must do.

Notation: ``B`` configurations; ``x: (B, D)`` inputs of `features.Features`; beliefs are in target units (`targets.Scaling`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor


class Surrogate(Protocol):
    """A fitted reward model."""

    @property
    def best(self) -> float:
        """Believed value of the best observed configuration, the one to improve on."""
        ...

    @property
    def r2(self) -> float | None:
        """Held-out coefficient of determination, None when it cannot be computed."""
        ...

    def belief(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation ``(B,)``, without the noise of an observation."""
        ...

    def sample(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """One function drawn from the belief, at ``x``: ``(B,)``."""
        ...

    def plausible(self, generator: torch.Generator) -> Iterator[Surrogate]:
        """Endless: other models that the same observations allow, each as likely as they make it."""
        ...

    def pending(self, x: Tensor) -> Surrogate:
        """The belief when ``x`` is under way, whose results are not known: as before in the mean, surer near ``x``, which is to be improved on."""
        ...

    def tensors(self) -> Mapping[str, Tensor]:
        """All that `notes` does not hold."""
        ...

    def notes(self) -> Mapping[str, Any]:
        """Plain numbers to be stored."""
        ...
