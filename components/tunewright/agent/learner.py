"""The policy with everything that makes its update a pure function: Adam's state and the moving baseline."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from ..preset import AgentSettings
from . import weights
from .grid import Grid
from .policy import Policy, Rollout
from .ppo import ppo_update

KIND = "policy"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


class Learner:
    """A policy that learns. Build it with `restore`."""

    def __init__(self, grid: Grid, settings: AgentSettings) -> None:
        self.settings = settings
        self.policy = Policy(grid, settings)
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=settings.learning_rate, eps=1e-5)
        self.baseline: float | None = None
        self.architecture = _architecture(self.policy, settings)

    def update(self, rollout: Rollout, advantages: Tensor) -> dict[str, float]:
        """One PPO update; see `ppo.ppo_update`."""
        return ppo_update(self.policy, self.optimizer, rollout, advantages, self.settings)

    def snapshot(self) -> tuple[Any, ...]:
        """A copy of all that an update changes, for `rewind`."""
        return copy.deepcopy((self.policy.state_dict(), self.optimizer.state_dict(), self.baseline))

    def rewind(self, snapshot: tuple[Any, ...]) -> None:
        """Undo the updates since `snapshot`."""
        network, optimizer, self.baseline = snapshot
        self.policy.load_state_dict(network)
        self.optimizer.load_state_dict(optimizer)

    def pack(self) -> bytes:
        """Bytes of the network, Adam's moments and the baseline."""
        tensors: dict[str, Tensor] = {}
        for name, parameter in self.policy.named_parameters():
            tensors[f"network.{name}"] = parameter
            for moment in _MOMENTS:
                if parameter in self.optimizer.state:
                    tensors[f"adam.{name}.{moment}"] = self.optimizer.state[parameter][moment]
        notes = {"architecture": self.architecture, "baseline": self.baseline}
        return weights.pack(weights.Weights(kind=KIND, tensors=tensors, notes=notes))

    def _load(self, stored: weights.Weights) -> None:
        self.baseline = stored.notes["baseline"]
        with torch.no_grad():
            for name, parameter in self.policy.named_parameters():
                parameter.copy_(stored.tensors[f"network.{name}"])
                moments = {moment: stored.tensors.get(f"adam.{name}.{moment}") for moment in _MOMENTS}
                if all(value is not None for value in moments.values()):
                    self.optimizer.state[parameter] = moments


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
    learner._load(stored)
    return learner, False


def _architecture(policy: Policy, settings: AgentSettings) -> dict[str, Any]:
    """All that must agree for stored weights to mean the same, as plain data."""
    fields = ("decision", "feed", "distribution", "layers", "hidden", "embedding", "position")
    described = {field: getattr(settings, field) for field in fields}
    return {**described, "order": list(policy.order), "choices": policy.choices.tolist()}
