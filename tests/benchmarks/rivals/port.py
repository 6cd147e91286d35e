"""The one port of all optimisers: ``ask`` for proposals, ``tell`` what became of them.

What runs behind it knows nothing of tasks, tables or the product: spaces are plain lists, losses are numbers to be made small. This package
imports nothing of the product's but `ours`, because it runs in two environments.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Value = int | float | str
Configuration = dict[str, Value]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One dimension."""

    name: str
    type: str  #: int, float or categorical
    low: float = 0.0
    high: float = 1.0
    choices: tuple[str, ...] = ()
    scale: str = "linear"  #: or log
    when: Mapping[str, Value] = field(default_factory=dict)
    """Values of earlier parameters without which this one means nothing."""

    def value(self, u: float) -> Value:
        """The value at a unit coordinate."""
        u = min(max(u, 0.0), 1.0)
        if self.type == "categorical":
            return self.choices[min(int(u * len(self.choices)), len(self.choices) - 1)]
        if self.scale == "log":
            low, high = self._ends()
            value = min(max(math.exp(low + u * (high - low)), self.low), self.high)
            return round(value) if self.type == "int" else value
        if self.type == "int":
            return int(min(self.low + int(u * (self.high - self.low + 1)), self.high))
        return self.low + u * (self.high - self.low)

    def unit(self, value: Value) -> float:
        """The unit coordinate of a value; the middle of its cell for whole numbers and choices."""
        if self.type == "categorical":
            return (self.choices.index(str(value)) + 0.5) / len(self.choices)
        if self.scale == "log":
            low, high = self._ends()
            return (math.log(float(value)) - low) / (high - low)
        if self.type == "int":
            return (float(value) - self.low + 0.5) / (self.high - self.low + 1)
        return (float(value) - self.low) / (self.high - self.low)

    def _ends(self) -> tuple[float, float]:
        """Logarithms of the bounds; whole numbers have cells around them."""
        margin = 0.5 if self.type == "int" else 0.0
        return math.log(self.low - margin), math.log(self.high + margin)

    def active(self, configuration: Mapping[str, Value]) -> bool:
        """Whether it means something where the parameters before it are decided."""
        return all(configuration.get(name) == value for name, value in self.when.items())


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What an optimiser is told at the start."""

    space: tuple[Parameter, ...]
    seed: int
    trials: int  #: the budget that the runner intends, for methods that plan ahead
    batch: int
    left_out: str | None = None  #: development task whose own table the method must not have learnt from
    worst: float = 1.0  #: loss that a method without failures of its own is told of an infeasible configuration

    def active(self, configuration: Mapping[str, Value]) -> Configuration:
        """A configuration without what means nothing in it."""
        kept: Configuration = {}
        for parameter in self.space:
            if parameter.active(kept):
                kept[parameter.name] = configuration[parameter.name]
        return kept

    def at(self, u: Iterable[float]) -> Configuration:
        """The configuration at unit coordinates, one a parameter."""
        return self.active({p.name: p.value(each) for p, each in zip(self.space, u, strict=True)})

    def filled(self, configuration: Mapping[str, Value]) -> Configuration:
        """A configuration for methods that know no conditions: what is left out stands in the middle of its range."""
        return {p.name: configuration.get(p.name, p.value(0.5)) for p in self.space}

    def units(self, configuration: Mapping[str, Value]) -> list[float]:
        """Unit coordinates of a configuration, one a parameter."""
        filled = self.filled(configuration)
        return [p.unit(filled[p.name]) for p in self.space]

    def finite(self, observed: Observed) -> float:
        """A loss for methods that know no failed trials."""
        return self.worst if observed.loss is None else observed.loss


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A configuration, and the share of its training that is wanted now."""

    configuration: Configuration
    share: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What became of a proposal. Also of configurations that the method did not ask for: the initial ones."""

    configuration: Configuration
    loss: float | None  #: None when the configuration is infeasible
    share: float = 1.0
    curve: Sequence[tuple[float, float]] = ()  #: losses at smaller shares of the training; tables tell none


class Optimiser(Protocol):
    """A method under comparison. It is made with a `Problem`, and with settings if it has any."""

    def ask(self, count: int) -> list[Proposal]:
        """At most ``count`` proposals to be evaluated side by side; fewer only when the method waits for the results of others."""
        ...

    def tell(self, observed: Sequence[Observed]) -> None:
        """Results of the last proposals, in their order; before the first `ask` those of the initial configurations."""
        ...


def space_from(plain: Sequence[Mapping[str, Any]]) -> tuple[Parameter, ...]:
    """A space from its JSON."""
    return tuple(Parameter(**{**entry, "choices": tuple(entry.get("choices", ()))}) for entry in plain)
