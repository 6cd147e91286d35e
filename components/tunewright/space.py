"""The search space: parameters, conditions, constraints, and their unit encoding.

Notation: ``T`` parameters in declared order; ``u`` a coordinate in [0, 1]; a configuration maps the names of its *active*
parameters to values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from .constraint import Constraint
from .parameter import (
    BoolParameter,
    CategoricalParameter,
    Condition,
    Configuration,
    FloatParameter,
    IntParameter,
    Model,
    OrdinalParameter,
    Parameter,
    Value,
    key,
)

__all__ = [
    "BoolParameter",
    "CategoricalParameter",
    "Condition",
    "Configuration",
    "FloatParameter",
    "IntParameter",
    "Model",
    "OrdinalParameter",
    "Parameter",
    "Space",
    "Value",
]

MAX_PARAMETERS = 200
FEASIBILITY_DRAWS = 4096


def feasibility_draws(count: int) -> npt.NDArray[np.float64]:
    """Unit coordinates ``(FEASIBILITY_DRAWS, count)``, the same every time: constraints can be satisfied if one of these satisfies them."""
    return np.random.default_rng(0).random((FEASIBILITY_DRAWS, count))


class Space:
    """Ordered parameters with conditions and constraints. Build it with :meth:`Study.search_space` or directly.

    Args:
        parameters: name to parameter, in the order in which they are decided; parents of a condition stand before its children.
        constraints: boolean expressions over the names; a configuration that breaks one is never proposed.

    Raises:
        ValueError: a constraint is not an expression of `tunewright.constraint`.
    """

    def __init__(self, parameters: Mapping[str, Parameter], constraints: list[str] | None = None) -> None:
        self.parameters = dict(parameters)
        self.names = list(parameters)
        self.constraints = [Constraint(expression) for expression in constraints or []]
        self._conditions = {name: self._allowed(parameter.when) for name, parameter in parameters.items()}

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[tuple[str, Parameter]]:
        return iter(self.parameters.items())

    def active(self, name: str, configuration: Mapping[str, Value]) -> bool:
        """True when the conditions of ``name`` hold given the values of the parameters before it."""
        conditions = self._conditions[name]
        return not conditions or all(
            parent in configuration and self._key(parent, configuration[parent]) in allowed
            for parent, allowed in conditions
        )

    def _allowed(self, when: Condition) -> list[tuple[str, frozenset[tuple[bool, Value]]]]:
        return [
            (
                parent,
                frozenset(self._key(parent, value) for value in (wanted if isinstance(wanted, list) else [wanted])),
            )
            for parent, wanted in when.items()
        ]

    def _key(self, name: str, value: Value) -> tuple[bool, Value]:
        """What equal values share. Those of a float with a step are equal when they are the same step: 0.1 + 0.2 is 0.3."""
        parameter = self.parameters.get(name)
        if isinstance(parameter, FloatParameter) and parameter.step is not None:
            with suppress(ValueError):  # not of the space, which `check` says
                return key(parameter.value(parameter.unit(value)))
        return key(value)

    def decode(self, u: npt.ArrayLike) -> Configuration:
        """Configuration at unit coordinates ``u: (T,)``; coordinates of inactive parameters are ignored."""
        coordinates = np.asarray(u, dtype=np.float64).tolist()
        configuration: Configuration = {}
        for (name, parameter), coordinate in zip(self.parameters.items(), coordinates, strict=True):
            if self.active(name, configuration):
                configuration[name] = parameter.value(coordinate)
        return configuration

    def encode(self, configuration: Mapping[str, Value]) -> npt.NDArray[np.float64]:
        """Unit coordinates ``(T,)`` of a configuration; NaN where a parameter is inactive."""
        u = [
            parameter.unit(configuration[name]) if name in configuration else np.nan
            for name, parameter in self.parameters.items()
        ]
        return np.array(u, dtype=np.float64)

    def check(self, configuration: Mapping[str, Value]) -> None:
        """Raise ValueError, naming parameter, rule and value, unless the configuration belongs to the space."""
        for name in configuration:
            if name not in self.parameters:
                raise ValueError(
                    f"{name} must be a parameter of the space, known are {', '.join(self.names)}; remove it"
                )
        for name, parameter in self:
            if self.active(name, configuration) != (name in configuration):
                state = "absent" if name in configuration else "given"
                because = f" under its condition {parameter.when}" if parameter.when else ""
                raise ValueError(f"{name} must be {state}{because}, got {dict(configuration)}")
            if name in configuration:
                try:
                    parameter.unit(configuration[name])
                except ValueError as error:
                    raise ValueError(f"{name} {error}") from None

    def feasible(self, configuration: Mapping[str, Value]) -> bool:
        """True when every constraint holds."""
        return all(constraint.holds(configuration) for constraint in self.constraints)

    def default(self) -> Configuration | None:
        """The configuration of defaults, or None unless every active parameter has one and the constraints hold."""
        configuration = self.defaults()
        return configuration if configuration is not None and self.feasible(configuration) else None

    def defaults(self) -> Configuration | None:
        """The same whether or not the constraints hold."""
        configuration: Configuration = {}
        for name, parameter in self:
            if self.active(name, configuration):
                if parameter.default is None:
                    return None
                default = parameter.default  # of the choice's own type, which 16.0 for 16 is not
                listed = isinstance(parameter, CategoricalParameter | OrdinalParameter)
                configuration[name] = parameter.value(parameter.unit(default)) if listed else default
        return configuration

    def sample(self, rng: np.random.Generator, count: int = 1) -> list[Configuration]:
        """``count`` feasible configurations, uniform in the unit cube, by rejection.

        Fewer when FEASIBILITY_DRAWS draws in a row break the constraints; none at all then means that hardly any configuration is
        feasible.
        """
        found: list[Configuration] = []
        misses = 0
        while len(found) < count and misses < FEASIBILITY_DRAWS:
            configuration = self.decode(rng.random(len(self)))
            if self.feasible(configuration):
                found.append(configuration)
                misses = 0
            else:
                misses += 1
        return found
