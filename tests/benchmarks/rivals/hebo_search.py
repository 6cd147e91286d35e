"""HEBO with its defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO

from .port import Observed, Parameter, Problem, Proposal

TYPES = {"int": "int", "float": "num", "categorical": "cat"}
LOGARITHMIC = {"int": "pow_int", "float": "pow"}


class HeboSearch:
    """HEBO draws from global generators, so these are seeded."""

    def __init__(self, problem: Problem) -> None:
        np.random.seed(problem.seed % 2**32)  # noqa: NPY002
        torch.manual_seed(problem.seed)
        self.problem, self.space = problem, problem.space
        self.hebo = HEBO(
            DesignSpace().parse([_dimension(p) for p in problem.space]), scramble_seed=problem.seed % 2**31
        )

    def ask(self, count: int) -> list[Proposal]:
        rows = self.hebo.suggest(n_suggestions=count).to_dict("records")
        return [
            Proposal(configuration=self.problem.active({p.name: _plain(p, row[p.name]) for p in self.space}))
            for row in rows
        ]

    def tell(self, observed: Sequence[Observed]) -> None:
        rows = pd.DataFrame([self.problem.filled(result.configuration) for result in observed])[
            [p.name for p in self.space]
        ]
        self.hebo.observe(rows, np.array([[self.problem.finite(result)] for result in observed]))


def _dimension(parameter: Parameter) -> dict[str, Any]:
    if parameter.type == "categorical":
        return {"name": parameter.name, "type": "cat", "categories": list(parameter.choices)}
    kind = LOGARITHMIC if parameter.scale == "log" else TYPES
    return {"name": parameter.name, "type": kind[parameter.type], "lb": parameter.low, "ub": parameter.high}


def _plain(parameter: Parameter, value: Any) -> Any:
    return {"int": int, "float": float, "categorical": str}[parameter.type](value)
