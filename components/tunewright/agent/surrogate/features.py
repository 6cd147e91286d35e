"""Configurations as inputs of a reward model.

Notation: ``B`` configurations, ``D`` columns, ``G`` groups of columns that share one length-scale.
"""

from __future__ import annotations

import math
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor

from ...space import FloatParameter, IntParameter, Parameter
from ..grid import Array, Grid
from ..knowledge import Knowledge, numbers

WIDE = 9.0  #: a number that spans this factor is read on a logarithmic scale, on whatever scale it is searched
WIDEST = 100.0 * (1.0 + 1e-9)
"""Up to this one where it is searched on a linear scale, as far as was measured: of 1e-9 to 1, which says that 0 is not allowed, nine of ten values
would share the last tenth of the axis, and the model could not tell them apart."""
WALK = ("learning_rate", "n_estimators")
"""Of boosted trees: how far to walk and how often. Their product says more than either."""


class Features:
    """Columns of a space: one for a number or a choice of two, one-hot for more choices, one for every distinct condition.

    Two different choices are at distance 1. An inactive number stands at the middle of its range, an inactive choice at zero, and the
    condition's own column tells them from active ones. What is known from other tasks follows the columns that have groups.

    Args:
        walk: whether a space that has the parameters of `WALK` gets their product as a column.
    """

    def __init__(self, grid: Grid, knowledge: Knowledge | None = None, *, walk: bool = False) -> None:
        self.grid, self.knowledge = grid, knowledge
        self.groups: list[int] = []
        for t in range(len(grid)):
            self.groups += [t] * self._columns(t)
        self._conditional = self._first_of_each_condition()
        self.groups += [len(grid) + index for index in range(len(self._conditional))]
        self.walk = walk and all(_is_wide(grid.space.parameters.get(name)) for name in WALK)
        if self.walk:
            self.groups.append(max(self.groups) + 1)

    def _columns(self, t: int) -> int:
        count = self.grid.cardinality[t]
        return count if count is not None and count > 2 and not self.grid.ordered[t] else 1

    def _first_of_each_condition(self) -> list[int]:
        found: dict[str, int] = {}
        for t, parameter in enumerate(self.grid.parameters):
            if parameter.when:
                found.setdefault(repr(sorted(parameter.when.items())), t)
        return list(found.values())

    def __call__(self, x: Array) -> Tensor:
        """Inputs ``(B, D)`` of snapped coordinates ``x: (B, T)``."""
        columns = [self._parameter(t, x[:, t]) for t in range(len(self.grid))]
        columns += [(~np.isnan(x[:, t, None])).astype(np.float64) for t in self._conditional]
        if self.walk:
            places = [self.grid.space.names.index(name) for name in WALK]
            spans = np.array([_span(self.grid.parameters[t]) for t in places])
            columns.append(np.concatenate([columns[t] for t in places], axis=1) @ spans[:, None] / spans.sum())
        inputs = torch.from_numpy(np.concatenate(columns, axis=1))
        return inputs if self.knowledge is None else torch.cat([inputs, self.knowledge(x)], dim=1)

    def _parameter(self, t: int, column: Array) -> Array:
        count = self.grid.cardinality[t]
        if self.grid.ordered[t] or count is None:
            return np.nan_to_num(self._scaled(t, column), nan=0.5)[:, None]
        if count <= 2:
            return np.nan_to_num((column[:, None] - 0.25) * 2, nan=0.5)
        hot = np.floor(np.nan_to_num(column, nan=-1.0)[:, None] * count) == np.arange(count)
        return np.asarray(hot * 2**-0.5)

    def _scaled(self, t: int, column: Array) -> Array:
        """A number between 0 and 1, on a logarithmic scale where it spans much."""
        parameter = self.grid.parameters[t]
        if not _is_wide(parameter) or parameter.scale == "log":
            return column
        return np.asarray(np.log(numbers(parameter, column) / parameter.low) / _span(parameter))


def _is_wide(parameter: Parameter | None) -> TypeGuard[FloatParameter | IntParameter]:
    if not isinstance(parameter, FloatParameter | IntParameter) or not 0 < parameter.low * WIDE <= parameter.high:
        return False
    return parameter.scale == "log" or parameter.high <= parameter.low * WIDEST


def _span(parameter: Parameter) -> float:
    """How much the logarithm of a wide number varies."""
    return math.log(parameter.high / parameter.low) if _is_wide(parameter) else 1.0
