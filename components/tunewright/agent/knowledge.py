"""What was learnt on other tasks: a few functions of hyperparameters that are known by name.

A small network reads the values of known hyperparameters and answers ``1 + L`` numbers: what a configuration is worth on an average task,
and ``L`` directions in which tasks differ, scaled so that a task's weights on them are about standard normal. A reward model takes the
first as its prior mean and the others as a linear part of its kernel; then a handful of results says which tasks this one resembles.

Values count, not places: any space that has `REQUIRED` among its parameters is helped, whatever its other parameters, order and ranges.

Notation: ``B`` configurations, ``I`` inputs of the network, ``L`` directions, ``K`` tasks it was learnt on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..space import FloatParameter, IntParameter, Parameter
from . import weights
from .grid import Array, Grid

KIND = "knowledge"
REQUIRED = ("learning_rate", "n_estimators", "max_depth")
"""Names without which a space is not one of boosted trees: how far to walk, in how many steps, of which size."""
POOL = 1024  #: configurations among which a portfolio is sought


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """Functions of one space. Build it with `load`."""

    grid: Grid
    stored: weights.Weights

    def __call__(self, x: Array) -> Tensor:
        """``(B, 1 + L)`` of snapped coordinates ``x: (B, T)``."""
        network = {name: tensor.double() for name, tensor in self.stored.tensors.items()}
        return answers(network, self._inputs(x))

    def portfolio(self, x: Array, count: int) -> Array:
        """Indices of at most ``count`` rows of ``x``, each the one that most improves on those before it, on average over the tasks."""
        known = self(x)
        tasks = self.stored.tensors["tasks"].double()
        worth = (known[:, :1] + known[:, 1:] @ tasks.T).numpy()
        best = np.full(worth.shape[1], worth.min())
        chosen: list[int] = []
        for _ in range(min(count, len(x))):
            gain = np.maximum(worth - best, 0.0).mean(axis=1)
            gain[chosen] = -1.0
            chosen.append(int(gain.argmax()))
            best = np.maximum(best, worth[chosen[-1]])
        return np.array(chosen, dtype=np.int64)

    def _inputs(self, x: Array) -> Tensor:
        values = {
            name: self._values(name, x, float(low), float(high), float(default))
            for name, (low, high, default) in self.stored.notes["parameters"].items()
        }
        return inputs(values, self.stored.notes["terms"])

    def _values(self, name: str, x: Array, low: float, high: float, default: float) -> Array:
        """Values ``(B,)`` within the range that was learnt on; the trainer's default where a parameter is absent, inactive or no number."""
        parameter = self.grid.space.parameters.get(name)
        if not isinstance(parameter, FloatParameter | IntParameter):
            return np.full(len(x), default)
        column = x[:, self.grid.space.names.index(name)]
        return np.clip(
            np.where(np.isnan(column), default, numbers(parameter, np.nan_to_num(column, nan=0.5))), low, high
        )


def load(data: bytes | None, grid: Grid) -> Knowledge | None:
    """The knowledge in ``data`` if it helps the space, else None. Raises ArtifactCorrupt and SchemaUnknown, see `weights.unpack`."""
    return None if data is None else of(weights.unpack(data, (KIND,)), grid)


def of(stored: weights.Weights, grid: Grid) -> Knowledge | None:
    """See `load`."""
    found = [grid.space.parameters.get(name) for name in REQUIRED]
    helps = all(isinstance(parameter, FloatParameter | IntParameter) for parameter in found)
    return Knowledge(grid=grid, stored=stored) if helps else None


def numbers(parameter: Parameter, u: Array) -> Array:
    """Values of a number at coordinates that exist."""
    if not isinstance(parameter, FloatParameter | IntParameter):
        raise TypeError(f"only numbers have values, got {parameter.type}")
    if parameter.scale == "log" and isinstance(parameter, IntParameter):
        start, end = parameter.edges
        return np.asarray(np.exp(start + u * (end - start)))
    if parameter.scale == "log" and parameter.cardinality is None:
        start, end = np.log(parameter.low), np.log(parameter.high)
        return np.asarray(np.exp(start + u * (end - start)))
    if parameter.cardinality is None:
        return np.asarray(parameter.low + u * (parameter.high - parameter.low))
    return np.asarray(parameter.low + (u * parameter.cardinality - 0.5) * float(parameter.step or 1))


def inputs(values: Mapping[str, Array], terms: list[dict[str, Any]]) -> Tensor:
    """Inputs of the network ``(B, I)``: each a sum of values, or the logarithm of a product of powers, standardised."""
    columns = []
    for term in terms:
        parts = [power * (np.log(values[name]) if term["log"] else values[name]) for name, power in term["of"].items()]
        columns.append((np.sum(parts, axis=0) - term["center"]) / term["spread"])
    return torch.from_numpy(np.stack(columns, axis=1))


def answers(network: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """The network: two hidden layers of tanh. ``(B, 1 + L)``"""
    hidden = torch.tanh(x @ network["w1"] + network["b1"])
    hidden = torch.tanh(hidden @ network["w2"] + network["b2"])
    return hidden @ network["w3"] + network["b3"]
