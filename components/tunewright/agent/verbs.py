"""The four verbs of the agent. Pure functions: the same arguments give the same results, to the byte.

A round in terms of states: ``propose`` turns a history into suggestions; the trials of these become observations; ``fit`` turns the
longer history into a surrogate; ``update`` turns the round's observations and the surrogate into the next policy. Bytes are safetensors
(`weights`); None stands for a policy or surrogate that does not exist yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from ..preset import AgentSettings
from ..space import Configuration, Space
from ..trial import Origin
from . import candidates, competition, horizon, learner, streams
from .advantage import advantages
from .grid import Array, Grid, Seen
from .knowledge import load as knowledge_of
from .opening import opening
from .policy import Policy
from .surrogate import model
from .threads import single_threaded


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A trial with its result. Trials that the platform lost are not observations."""

    configuration: Configuration
    reward: float | None  #: larger is better; None when the trial failed or is infeasible, which teaches too
    round: int


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A configuration to try."""

    configuration: Configuration
    log_prob: float | None  #: under the policy, when it began there
    origin: Origin  #: where it began; local search under the surrogate may have refined it


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What `fit` did."""

    weights: bytes | None  #: None while there is nothing to learn from
    fitted: bool  #: False when the previous weights were carried over
    observations: int  #: results that the weights rest on
    r2: float | None  #: held-out coefficient of determination


@dataclass(frozen=True, kw_only=True)
class Updated:
    """What `update` did."""

    weights: bytes
    real_updates: int
    predicted_updates: int
    kl: list[float]  #: KL(policy when fitted || policy) after each update on predicted rewards
    horizon: str  #: why the use of the surrogate ended
    metrics: dict[str, float] = field(default_factory=dict)  #: PPO's own, after the last update of each kind


@single_threaded
def propose(
    *,
    space: Space,
    settings: AgentSettings,
    history: Sequence[Observation],
    pending: Sequence[Configuration],
    policy: bytes | None,
    surrogate: bytes | None,
    count: int,
    seed: int,
    knowledge: bytes | None = None,
) -> list[Suggestion]:
    """``count`` configurations to try next.

    The first is the space's default, if it has one; then ``initial_trials`` of a design; then proposals as ``settings.proposal`` says.
    ``knowledge`` of other tasks, if it helps the space, replaces the design by what suits most of them.
    Nothing is proposed that is in ``history`` or ``pending``, as long as the space has other configurations.

    Raises:
        InputError: no configuration satisfies the constraints.
        ArtifactCorrupt, SchemaUnknown: the bytes are damaged or foreign.
    """
    grid = Grid(space)
    known, awaited = grid.encode(observation.configuration for observation in history), grid.encode(pending)
    seen = Seen(np.concatenate([known, awaited]))
    told = knowledge_of(knowledge, grid)
    first, design = opening(grid, settings, len(known) + len(awaited), count, seen, told)
    rows: list[tuple[Array, Origin]] = [*((row, "default") for row in first), *((row, "initial") for row in design)]
    seen.add(np.concatenate([first, design]))
    actor = learner.restore(grid, settings, policy)[0].policy
    if len(rows) < count:
        under_way = np.concatenate([awaited, *(row[None] for row, _ in rows)])
        rewards = model.rewards_of([observation.reward for observation in history])
        rows += _proposals(grid, settings, actor, surrogate, known, rewards, under_way, seen, count - len(rows), seed)
    return _suggestions(grid, actor, rows)


def _proposals(
    grid: Grid,
    settings: AgentSettings,
    policy: Policy,
    surrogate: bytes | None,
    known: Array,
    rewards: Array,
    under_way: Array,
    seen: Seen,
    count: int,
    seed: int,
) -> list[tuple[Array, Origin]]:
    """Rows from the policy or from the competition; what they cannot fill is random."""
    rows: list[tuple[Array, Origin]] = []
    if settings.proposal == "policy" or settings.reward_model == "none":
        drawn = candidates.from_policy(policy, count, seen, streams.generator(seed, "proposal"))
        rows = [(row, "policy") for row in drawn]
        seen.add(drawn)
    elif surrogate is not None:
        believed = model.load(surrogate, grid)
        rows = competition.compete(grid, settings, believed, policy, known, rewards, under_way, seen, count, seed)
    if len(rows) < count:
        rest = candidates.remaining(
            grid, count - len(rows), seen, np.concatenate([known, under_way]), streams.rng(seed, "remaining")
        )
        rows += [(row, "random") for row in rest]
    return rows


def _suggestions(grid: Grid, policy: Policy, rows: Sequence[tuple[Array, Origin]]) -> list[Suggestion]:
    x = np.stack([row for row, _ in rows])
    with torch.no_grad():
        log_prob = policy.log_prob(policy.actions(x)).sum(-1).tolist()
    return [
        Suggestion(configuration=configuration, log_prob=value if origin == "policy" else None, origin=origin)
        for configuration, value, (_, origin) in zip(grid.decode(x), log_prob, rows, strict=True)
    ]


@single_threaded
def fit(
    *,
    space: Space,
    settings: AgentSettings,
    history: Sequence[Observation],
    previous: bytes | None,
    seed: int,
    knowledge: bytes | None = None,
) -> Fitted:
    """The surrogate of a history, oldest observation first.

    Fits when at least ``settings.refit_every`` observations are newer than those that ``previous`` was fitted on, else carries it over.
    ``knowledge`` of other tasks, if it helps the space, is what the surrogate begins with, up to ``settings.knowledge_trials`` results.

    Raises:
        ArtifactCorrupt, SchemaUnknown: ``previous`` is damaged or foreign.
    """
    if settings.reward_model == "none":
        return Fitted(weights=None, fitted=False, observations=0, r2=None)
    grid = Grid(space)
    before = model.load(previous, grid) if previous is not None else None
    fresh = len(history) if before is None else _fresh(history, before)
    if fresh >= settings.refit_every:
        told = knowledge_of(knowledge, grid) if len(history) <= settings.knowledge_trials else None
        known = grid.encode(observation.configuration for observation in history)
        rewards = model.rewards_of([observation.reward for observation in history])
        latest = max((observation.round for observation in history), default=0)
        fitted = model.fit(known, rewards, grid, settings, before, seed, told, latest=latest)
        if fitted is not None:
            return Fitted(weights=fitted.pack(), fitted=True, observations=fitted.observations, r2=fitted.surrogate.r2)
    if before is None:
        return Fitted(weights=None, fitted=False, observations=0, r2=None)
    return Fitted(weights=previous, fitted=False, observations=before.observations, r2=before.surrogate.r2)


def _fresh(history: Sequence[Observation], before: model.RewardModel) -> int:
    """Observations that a model has not seen. One of a later round may stand for one that it has seen: a stopped trial that went on."""
    later = sum(observation.round > before.latest >= 0 for observation in history)
    return max(len(history) - before.seen, later)


@single_threaded
def update(
    *,
    space: Space,
    settings: AgentSettings,
    history: Sequence[Observation],
    batch: Sequence[Observation],
    policy: bytes | None,
    surrogate: bytes | None,
    fitted: bool,
    r2: float | None,
    seed: int,
) -> Updated:
    """The next policy: one PPO update on the round's real rewards, then updates on predicted ones within the horizon.

    Args:
        history: all observations, ``batch`` included; ranks and z-scores are taken within it.
        batch: this round's observations.
        fitted, r2: what `fit` said of ``surrogate`` in this round.

    Raises:
        ArtifactCorrupt, SchemaUnknown: the bytes are damaged or foreign.
    """
    grid = Grid(space)
    student, anew = learner.restore(grid, settings, policy)
    metrics: dict[str, float] = {"policy_restarted": 1.0} if anew and policy is not None else {}
    belief = model.load(surrogate, grid) if surrogate is not None else None
    refused = horizon.refusal(settings, fitted, r2, belief)
    real_updates = 0
    if batch and refused != "no policy":
        rewards = model.rewards_of([observation.reward for observation in batch])
        reference = model.rewards_of([observation.reward for observation in (*history, *(() if history else batch))])
        weight, student.baseline = advantages(rewards, reference, settings, student.baseline)
        rollout = student.policy.actions(grid.encode(observation.configuration for observation in batch))
        metrics |= student.update(rollout, torch.from_numpy(weight))
        real_updates = 1
    if refused is not None or belief is None:
        used = horizon.Use(updates=0, kl=[], reason=refused or "no surrogate", metrics={})
    else:
        used = horizon.use(student, belief, settings, seed)
    return Updated(
        weights=student.pack(),
        real_updates=real_updates,
        predicted_updates=used.updates,
        kl=used.kl,
        horizon=used.reason,
        metrics=metrics | {f"predicted_{name}": value for name, value in used.metrics.items()},
    )


@single_threaded
def predict(
    *,
    space: Space,
    settings: AgentSettings,  # noqa: ARG001 - the weights know their kind; verbs share their arguments
    surrogate: bytes,
    configurations: Sequence[Configuration],
) -> tuple[Array, Array]:
    """Belief of a surrogate at configurations: mean and standard deviation in reward units, each ``(N,)``.

    NaN where most results were equal: the surrogate is fitted to look for what differs then, not to what it is worth (`targets.stepped`).

    Raises:
        ArtifactCorrupt, SchemaUnknown: the bytes are damaged or foreign.
    """
    grid = Grid(space)
    belief = model.load(surrogate, grid)
    mean, std = belief.belief(grid.encode(configurations))
    if belief.bent:
        return np.full(len(mean), np.nan), np.full(len(mean), np.nan)
    return belief.scaling.rewards(mean.numpy(), std.numpy())
