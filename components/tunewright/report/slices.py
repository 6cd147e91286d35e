"""The reward model's belief along each parameter, all others held at the incumbent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..parameter import distinct
from ..space import Configuration, Parameter, Space, Value
from ..study import Objective
from .record import Belief
from .trials import Trial, best, scored

POINTS = 41  #: of one slice through a parameter with many values
MOST_VALUES = 100  #: a parameter with at most this many values is asked at each


@dataclass(frozen=True, kw_only=True)
class Point:
    """The belief at one value of a parameter, in the metric's own unit."""

    parameter: str
    value: Value
    mean: float
    std: float


@dataclass(frozen=True, kw_only=True)
class Slices:
    """The belief along some parameters."""

    points: list[Point]
    through: dict[str, Trial]  #: the trial that each slice runs through
    silent: bool = False  #: whether there is a model, but it has no belief about results


def believe(
    space: Space, names: Sequence[str], trials: Sequence[Trial], objective: Objective, belief: Belief | None
) -> Slices:
    """Ask the model along ``names``: through the incumbent, or through the best trial in which the parameter was active.

    Values whose configuration breaks a constraint are left out, and so is what the model answers with NaN or infinity.
    """
    through: dict[str, Trial] = {}
    asked: list[tuple[str, Value, Configuration]] = []
    for name in names:
        centre = best([trial for trial in scored(trials) if name in trial.configuration], objective)
        if centre is None:
            continue
        through[name] = centre
        for value in _grid(space.parameters[name]):
            configuration = _moved(space, centre.configuration, name, value)
            if space.feasible(configuration):
                asked.append((name, value, configuration))
    if belief is None or not asked:
        return Slices(points=[], through=through)
    mean, std = belief([configuration for _, _, configuration in asked])
    return Slices(
        silent=bool(np.isnan(mean).all()),
        points=[
            Point(parameter=name, value=value, mean=objective.reward(float(m)), std=float(s))
            for (name, value, _), m, s in zip(asked, mean, std, strict=True)
            if np.isfinite(m) and np.isfinite(s)
        ],
        through=through,
    )


def _grid(parameter: Parameter) -> list[Value]:
    count = parameter.cardinality
    resolution = 2001 if count is not None and count <= MOST_VALUES else POINTS
    return distinct(parameter.value(float(u)) for u in np.linspace(0, 1, resolution))


def _moved(space: Space, configuration: Configuration, name: str, value: Value) -> Configuration:
    """``configuration`` with another value of ``name``; parameters that become active take their default or their middle."""
    moved: Configuration = {}
    for other, parameter in space:
        if not space.active(other, moved):
            continue
        if other == name:
            moved[other] = value
        elif other in configuration:
            moved[other] = configuration[other]
        else:
            moved[other] = parameter.value(0.5) if parameter.default is None else parameter.default
    return moved
