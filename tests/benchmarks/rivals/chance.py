"""Random search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .port import Observed, Problem, Proposal


class Chance:
    """Uniform in the space."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.rng = np.random.default_rng(problem.seed)

    def ask(self, count: int) -> list[Proposal]:
        size = len(self.problem.space)
        return [Proposal(configuration=self.problem.at(self.rng.random(size))) for _ in range(count)]

    def tell(self, observed: Sequence[Observed]) -> None:
        pass
