"""BoTorch: a Gaussian process with its default priors and noisy expected improvement in logarithms, for the whole batch at once.

The library leaves design and optimiser of the acquisition to its user: eight quasi-random trials, then 10 restarts from 256 raw samples.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.transforms import Standardize
from botorch.optim import optimize_acqf
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch import Tensor

from .port import Observed, Problem, Proposal

INITIAL = 8


class BotorchSearch:
    """qLogNEI in the unit cube; whole numbers and choices are the cells that coordinates fall into."""

    def __init__(self, problem: Problem) -> None:
        warnings.simplefilter("ignore")
        self.problem, self.space = problem, problem.space
        torch.manual_seed(problem.seed)
        self.sobol = torch.quasirandom.SobolEngine(len(self.space), scramble=True, seed=problem.seed % 2**31)
        self.x = torch.empty(0, len(self.space), dtype=torch.float64)
        self.y = torch.empty(0, 1, dtype=torch.float64)

    def ask(self, count: int) -> list[Proposal]:
        rows = self.sobol.draw(count, dtype=torch.float64) if len(self.x) < INITIAL else self._best(count)
        return [Proposal(configuration=self.problem.at(row)) for row in rows.tolist()]

    def tell(self, observed: Sequence[Observed]) -> None:
        rows = [self.problem.units(result.configuration) for result in observed]
        self.x = torch.cat([self.x, torch.tensor(rows, dtype=torch.float64)])
        self.y = torch.cat(
            [self.y, torch.tensor([[-self.problem.finite(result)] for result in observed], dtype=torch.float64)]
        )

    def _best(self, count: int) -> Tensor:
        model = SingleTaskGP(self.x, self.y, outcome_transform=Standardize(m=1))
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        acquisition = qLogNoisyExpectedImprovement(model, X_baseline=self.x, prune_baseline=True)
        bounds = torch.tensor([[0.0] * len(self.space), [1.0] * len(self.space)], dtype=torch.float64)
        found, _ = optimize_acqf(acquisition, bounds, q=count, num_restarts=10, raw_samples=256, sequential=True)
        return found
