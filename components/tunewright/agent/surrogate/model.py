"""A reward model with its inputs and its scale, fitted to a history and kept as bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...preset import AgentSettings
from .. import knowledge, streams, weights
from ..grid import Array, Grid
from ..knowledge import Knowledge
from . import ensemble, gp
from .features import Features
from .kernel import Hyperparameters
from .port import Surrogate
from .targets import Scaling, scale, stepped

HUGE = 1e100
TOLD = "knowledge."  #: begins the names of tensors that were learnt on other tasks
KINDS = ("surrogate-gp", "surrogate-ensemble")


@dataclass(frozen=True, kw_only=True)
class RewardModel:
    """A fitted surrogate over snapped coordinates, in target units."""

    surrogate: Surrogate
    features: Features
    scaling: Scaling
    seen: int  #: results that the history held when it was fitted
    observations: int  #: of these, how many it was fitted on
    latest: int  #: round of the newest of them
    bent: bool  #: whether it was fitted to another order of results than theirs, see `targets.stepped`
    kind: str

    def belief(self, x: Array) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation ``(B,)`` at ``x: (B, T)``, in target units."""
        return self.surrogate.belief(self.features(x))

    def sample(self, x: Array, generator: torch.Generator) -> Tensor:
        """A drawn function at ``x``, in target units."""
        return self.surrogate.sample(self.features(x), generator)

    def plausible(self, generator: torch.Generator) -> Iterator[RewardModel]:
        """Endless: other models that the same history allows."""
        return (replace(self, surrogate=surrogate) for surrogate in self.surrogate.plausible(generator))

    def pending(self, x: Array) -> RewardModel:
        """The belief with ``x: (P, T)`` under way."""
        return replace(self, surrogate=self.surrogate.pending(self.features(x))) if len(x) else self

    def pack(self) -> bytes:
        """Bytes that `load` reads."""
        notes = {
            "scaling": self.scaling.plain(),
            "seen": self.seen,
            "observations": self.observations,
            "latest": self.latest,
            "bent": self.bent,
            "groups": self.features.groups,
            "walk": self.features.walk,
            "model": dict(self.surrogate.notes()),
        }
        tensors = dict(self.surrogate.tensors())
        if self.features.knowledge is not None:
            told = self.features.knowledge.stored
            notes["knowledge"] = dict(told.notes)
            tensors |= {f"{TOLD}{name}": tensor for name, tensor in told.tensors.items()}
        return weights.pack(weights.Weights(kind=self.kind, tensors=tensors, notes=notes))


def fit(
    x: Array,
    rewards: Array,
    grid: Grid,
    settings: AgentSettings,
    previous: RewardModel | None,
    seed: int,
    told: Knowledge | None = None,
    *,
    latest: int = 0,
) -> RewardModel | None:
    """A model of the latest ``settings.history`` results; None with fewer than two successes among them.

    Args:
        x: ``(N, T)`` snapped coordinates of all results, oldest first.
        rewards: ``(N,)``, NaN where failed or infeasible.
        previous: begins the search for hyperparameters, if it is of the same kind.
        told: what is known from other tasks.
        latest: round of the newest result.
    """
    seen = len(x)
    if settings.history is not None:
        x, rewards = x[-settings.history :], rewards[-settings.history :]
    learnt = stepped(rewards) if settings.proposal == "competition" else rewards
    scaled = scale(learnt, steady=grid.unordered)
    if scaled is None:
        return None
    features = Features(grid, told, walk=settings.knowledge_trials > 0)
    inputs, targets = features(x), torch.from_numpy(scaled[0])
    generator = streams.generator(seed, "surrogate")
    surrogate: Surrogate
    if settings.reward_model == "gp":
        before = (
            previous.surrogate.hyperparameters
            if previous is not None and isinstance(previous.surrogate, gp.GP)
            else None
        )
        surrogate = gp.fit(inputs, targets, torch.tensor(features.groups), before, generator)
    else:
        surrogate = ensemble.fit(inputs, targets, generator)
    return RewardModel(
        surrogate=surrogate,
        features=features,
        scaling=scaled[1],
        seen=seen,
        observations=len(x),
        latest=latest,
        bent=not np.array_equal(learnt, rewards, equal_nan=True),
        kind=f"surrogate-{settings.reward_model}",
    )


def load(data: bytes, grid: Grid) -> RewardModel:
    """The model in ``data``. Raises ArtifactCorrupt and SchemaUnknown, see `weights.unpack`."""
    stored = weights.unpack(data, KINDS)
    features = Features(grid, _told(stored, grid), walk=stored.notes["walk"])
    if stored.notes["groups"] != features.groups:
        raise weights.foreign("surrogate", f"{len(features.groups)} inputs", f"{len(stored.notes['groups'])}")
    return RewardModel(
        surrogate=_surrogate(stored, torch.tensor(features.groups)),
        features=features,
        scaling=Scaling(**stored.notes["scaling"]),
        seen=stored.notes["seen"],
        observations=stored.notes["observations"],
        latest=stored.notes.get("latest", -1),  # what was stored before told neither
        bent=stored.notes.get("bent", False),
        kind=stored.kind,
    )


def _surrogate(stored: weights.Weights, groups: Tensor) -> Surrogate:
    notes: dict[str, Any] = stored.notes["model"]
    if stored.kind == "surrogate-gp":
        fields = ("noise", "mean", "scale", "amplitude")
        known = Hyperparameters(
            lengthscale=stored.tensors["lengthscale"], **{field: notes[field] for field in fields if field in notes}
        )
        return gp.condition(stored.tensors["x"], stored.tensors["y"], groups, known, notes["r2"])
    parameters = {name: tensor for name, tensor in stored.tensors.items() if not name.startswith(TOLD)}
    none = torch.empty(0, parameters["w1"].shape[1], dtype=torch.float64)
    return ensemble.Ensemble(parameters=parameters, **notes, awaited=none)


def _told(stored: weights.Weights, grid: Grid) -> Knowledge | None:
    if "knowledge" not in stored.notes:
        return None
    tensors = {name[len(TOLD) :]: tensor for name, tensor in stored.tensors.items() if name.startswith(TOLD)}
    return knowledge.of(weights.Weights(kind=knowledge.KIND, tensors=tensors, notes=stored.notes["knowledge"]), grid)


def rewards_of(values: list[float | None]) -> Array:
    """Rewards ``(N,)``, NaN for what failed or is not finite; within plus and minus HUGE, so that squares are finite."""
    rewards = [value if value is not None and np.isfinite(value) else np.nan for value in values]
    return np.clip(np.array(rewards, dtype=np.float64), -HUGE, HUGE)
