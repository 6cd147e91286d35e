"""CMA-ES of the library cmaes, in the unit cube."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from cmaes import CMA

from .port import Observed, Problem, Proposal

SIGMA = 0.25  #: the library has no default; a quarter of the range


class Evolution:
    """A generation is told when its population is complete; the initial configurations belong to the first."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        size = len(problem.space)
        bounds = np.tile([0.0, 1.0], (size, 1))
        self.strategy = CMA(mean=np.full(size, 0.5), sigma=SIGMA, bounds=bounds, seed=problem.seed)
        self.asked: list[np.ndarray] = []
        self.generation: list[tuple[np.ndarray, float]] = []

    def ask(self, count: int) -> list[Proposal]:
        self.asked = [self.strategy.ask() for _ in range(count)]
        return [Proposal(configuration=self.problem.at(row)) for row in self.asked]

    def tell(self, observed: Sequence[Observed]) -> None:
        foreign = [np.array(self.problem.units(result.configuration)) for result in observed]
        for row, result in zip(self.asked or foreign, observed, strict=True):
            self.generation.append((row, self.problem.finite(result)))
            if len(self.generation) == self.strategy.population_size:
                self.strategy.tell(self.generation)
                self.generation = []
        self.asked = []
