"""The policy with everything that makes its update a pure function: Adam's state and the moving baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ..preset import AgentSettings
from . import weights
from .adam import Adam
from .grid import Grid
from .policy import Policy, Rollout
from .ppo import ppo_update

KIND = "policy"
Snapshot: TypeAlias = tuple[Mapping[str, Tensor], float | None]


class Learner:
    """A policy that learns. Build it with `restore`."""

    def __init__(self, grid: Grid, settings: AgentSettings) -> None:
        self.settings = settings
        self.policy = Policy(grid, settings)
        self.optimizer = Adam(dict(self.policy.named_parameters()), settings.learning_rate)
        self.baseline: float | None = None
        self.architecture = _architecture(self.policy, settings)

    def update(self, rollout: Rollout, advantages: Tensor) -> dict[str, float]:
        """One PPO update; see `ppo.ppo_update`."""
        return ppo_update(self.policy, self.optimizer, rollout, advantages, self.settings)

    def snapshot(self) -> Snapshot:
        """A copy of all that an update changes, for `rewind`."""
        return {name: tensor.clone() for name, tensor in self._tensors().items()}, self.baseline

    def rewind(self, snapshot: Snapshot) -> None:
        """Undo the updates since `snapshot`."""
        tensors, self.baseline = snapshot
        with torch.no_grad():
            for name, tensor in self._tensors().items():
                tensor.copy_(tensors[name])

    def pack(self) -> bytes:
        """Bytes of the network, Adam's moments and the baseline."""
        notes = {"architecture": self.architecture, "baseline": self.baseline}
        return weights.pack(weights.Weights(kind=KIND, tensors=self._tensors(), notes=notes))

    def _tensors(self) -> dict[str, Tensor]:
        """Network and moments by name; the learner's own, not copies."""
        network = {f"network.{name}": parameter for name, parameter in self.policy.named_parameters()}
        return {**network, **self.optimizer.state}


def restore(grid: Grid, settings: AgentSettings, data: bytes | None) -> tuple[Learner, bool]:
    """The learner stored in ``data`` and whether it was begun anew.

    It begins anew from ``settings.seed`` when there is no data, or when the settings of a later session describe another network.

    Raises:
        ArtifactCorrupt, SchemaUnknown: see `weights.unpack`.
    """
    learner = Learner(grid, settings)
    if data is None:
        return learner, True
    stored = weights.unpack(data, (KIND,))
    if stored.notes["architecture"] != learner.architecture:
        return learner, True
    learner.rewind((stored.tensors, stored.notes["baseline"]))
    return learner, False


def _architecture(policy: Policy, settings: AgentSettings) -> dict[str, Any]:
    """All that must agree for stored weights to mean the same, as plain data."""
    fields = ("decision", "feed", "distribution", "layers", "hidden", "embedding", "position")
    described = {field: getattr(settings, field) for field in fields}
    return {**described, "order": list(policy.order), "choices": policy.choices.tolist()}
