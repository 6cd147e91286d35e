"""What learning curves show of configurations that nobody has tried: the same, trained for fewer steps.

Where a parameter counts the steps (`Study.counted`), a point of a curve is the result of a configuration of its own. One that beats every
complete trial is worth a trial: with the seed of the trial that showed it, its end is known but for what a trainer leaves to chance.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..space import Configuration, IntParameter, Space
from .curve import Curve


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A trial that has ended."""

    trial: str
    configuration: Configuration
    curve: Curve = ()  #: rewards by step; none of a trial whose curve says nothing
    final: float | None = None  #: reward of a complete trial


@dataclass(frozen=True, kw_only=True)
class Point:
    """A point of a learning curve, as a result of its own."""

    trial: str  #: whose curve
    steps: int
    reward: float
    configuration: Configuration  #: the trial's, with its count of steps lowered to this point


def shorter(space: Space, counted: str, tried: Sequence[Tried]) -> Point | None:
    """The best point of all curves; None unless it beats every complete trial.

    Of equal points the one of fewest steps, then the earliest. Configurations that were tried or break a constraint are left out.

    Args:
        counted: the parameter that counts the steps.
    """
    finals = [trial.final for trial in tried if trial.final is not None]
    if not finals:
        return None
    best, known = max(finals), {_key(trial.configuration) for trial in tried}
    better = [
        point
        for trial in tried
        for point in _points(space, counted, trial)
        if point.reward > best and _key(point.configuration) not in known and space.feasible(point.configuration)
    ]
    return min(better, key=lambda point: (-point.reward, point.steps), default=None)


def _points(space: Space, counted: str, trial: Tried) -> Iterator[Point]:
    """Points at which the space has a configuration with fewer steps."""
    parameter, value = space.parameters[counted], trial.configuration.get(counted)
    if not isinstance(parameter, IntParameter) or not isinstance(value, int):
        return  # inactive
    allowed = range(parameter.low, min(parameter.high, value - 1) + 1, parameter.step)
    for steps, reward in trial.curve:
        if steps in allowed:
            changed: Configuration = {**trial.configuration, counted: steps}
            if any(space.active(name, changed) != (name in changed) for name in space.parameters):
                continue  # the count decides which others there are
            yield Point(trial=trial.trial, steps=steps, reward=reward, configuration=changed)


def _key(configuration: Configuration) -> str:
    return json.dumps(configuration, sort_keys=True)
