"""A space as arrays: many configurations at once.

Notation: ``B`` configurations, ``T`` parameters in declared order. ``u: (B, T)`` unit coordinates; ``x: (B, T)`` the same snapped to
values that exist, NaN where a parameter is inactive. ``x`` of a configuration equals ``Space.encode`` of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ..space import Configuration, IntParameter, Space, Value

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SAME = 1e-9  #: unit coordinates closer than this are one value


class Grid:
    """Vectorised view of a space. Reads the space through its public interface, and agrees with `Space.decode` and `Space.encode`."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.parameters = list(space.parameters.values())
        self.cardinality: list[int | None] = [parameter.cardinality for parameter in self.parameters]
        self.ordered = [parameter.ordered for parameter in self.parameters]
        self.unordered = not all(self.ordered)  #: whether some choice has no neighbours
        #: for each parameter its parents' columns and the unit coordinates at which they activate it
        self.conditions: list[list[tuple[int, Array]]] = [self._conditions(t) for t in range(len(space))]

    def __len__(self) -> int:
        return len(self.parameters)

    def _conditions(self, t: int) -> list[tuple[int, Array]]:
        conditions = []
        for parent, wanted in self.parameters[t].when.items():
            values: list[Value] = wanted if isinstance(wanted, list) else [wanted]
            conditions.append(
                (
                    self.space.names.index(parent),
                    np.array([self.space.parameters[parent].unit(value) for value in values]),
                )
            )
        return conditions

    @property
    def size(self) -> int | None:
        """Upper bound of the number of configurations, None when a parameter is continuous."""
        return None if None in self.cardinality else math.prod(count for count in self.cardinality if count is not None)

    def snap(self, t: int, u: Array) -> Array:
        """Nearest existing coordinates ``(B,)`` of parameter ``t``, clipped to [0, 1]."""
        u = np.clip(u, 0.0, 1.0)
        count = self.cardinality[t]
        parameter = self.parameters[t]
        if count is None:
            return u
        if isinstance(parameter, IntParameter) and parameter.scale == "log":
            low, high = math.log(parameter.low - 0.5), math.log(parameter.high + 0.5)
            values = np.clip(np.rint(np.exp(low + u * (high - low))), parameter.low, parameter.high)
            return np.asarray((np.log(values) - low) / (high - low))
        return np.asarray((np.minimum(np.floor(u * count), count - 1) + 0.5) / count)

    def gap(self, t: int, u: Array, up: Mask) -> Array:
        """How far it is ``(B,)`` from the coordinates ``u`` of a whole number or listed value to the next one up or down."""
        count, parameter = self.cardinality[t], self.parameters[t]
        if count is None:
            return np.zeros(len(u))
        if isinstance(parameter, IntParameter) and parameter.scale == "log":
            span = math.log(parameter.high + 0.5) - math.log(parameter.low - 0.5)
            value = np.rint(np.exp(math.log(parameter.low - 0.5) + u * span))
            return np.asarray(np.abs(np.log(np.maximum(value + np.where(up, 1.0, -1.0), 0.5) / value)) / span)
        return np.full(len(u), 1.0 / count)

    def active(self, t: int, x: Array) -> Mask:
        """Where parameter ``t`` is active ``(B,)``; the columns of its parents must be decided."""
        mask = np.ones(len(x), dtype=np.bool_)
        for parent, coordinates in self.conditions[t]:
            mask &= (np.abs(x[:, parent, None] - coordinates) < SAME).any(axis=1)
        return mask

    def snapped(self, u: Array) -> Array:
        """``x`` of unit coordinates ``u``; coordinates of inactive parameters are ignored."""
        x = np.full(u.shape, np.nan)
        for t in range(len(self)):
            x[:, t] = np.where(self.active(t, x), self.snap(t, u[:, t]), np.nan)
        return x

    def encode(self, configurations: Iterable[Configuration]) -> Array:
        """``x`` of configurations."""
        rows = [self.space.encode(configuration) for configuration in configurations]
        return np.stack(rows) if rows else np.empty((0, len(self)))

    def decode(self, x: Array) -> list[Configuration]:
        """Configurations at ``x``."""
        return [self.space.decode(row) for row in np.where(np.isnan(x), 0.5, x)]

    def feasible(self, x: Array) -> Mask:
        """Which rows satisfy the constraints ``(B,)``."""
        if not self.space.constraints:
            return np.ones(len(x), dtype=np.bool_)
        return np.array([self.space.feasible(configuration) for configuration in self.decode(x)], dtype=np.bool_)

    def random(self, count: int, rng: np.random.Generator) -> Array:
        """``count`` rows, uniform in the unit cube; constraints are not asked."""
        return self.snapped(rng.random((count, len(self))))


class Seen:
    """Configurations that are tried or under way: equal ones are recognised whatever way they were drawn."""

    def __init__(self, x: Array) -> None:
        self._keys = set(_keys(x))

    def new(self, x: Array) -> Mask:
        """Rows that are neither seen nor a repetition of an earlier row ``(B,)``."""
        fresh = np.zeros(len(x), dtype=np.bool_)
        here: set[bytes] = set()
        for index, key in enumerate(_keys(x)):
            fresh[index] = key not in self._keys and key not in here
            here.add(key)
        return fresh

    def add(self, x: Array) -> None:
        """Remember rows ``(B, T)``."""
        self._keys.update(_keys(x))


def _keys(x: Array) -> Sequence[bytes]:
    return [row.tobytes() for row in np.where(np.isnan(x), -1.0, np.round(x, 9)) + 0.0]
