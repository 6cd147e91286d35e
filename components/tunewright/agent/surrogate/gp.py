"""A Gaussian process: Matern 5/2, one length-scale per parameter, exact inference in float64.

gpytorch fits the hyperparameters (`kernel`); the algebra of the belief is written out here, because leave-one-out errors and points
under way need the factor.

Notation: ``N`` observations, ``B`` queries, ``D`` inputs, ``G`` length-scales; ``x: (N, D)``, or
``(N, D + 1 + L)`` where something is known (`kernel`); ``y: (N,)`` of mean 0 and deviation 1;
``factor: (N, N)`` lower Cholesky of K + noise I; ``alpha: (N,) = (K + noise I)^-1 (y - mean)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .kernel import Hyperparameters, covariance, expectation, fit_hyperparameters, start, variance
from .posterior import draws

FIT_CAP = 300  #: observations on which hyperparameters are fitted; all up to CONDITION_CAP are conditioned on
DRAW_CAP = 128  #: observations that drawn hyperparameters rest on
CONDITION_CAP = 1000  #: observations that the belief rests on, so that cost stops growing with the cube of their number
ITERATIONS = 40  #: of L-BFGS at the first fit
WARM_ITERATIONS = 15  #: of L-BFGS when the previous fit is where it begins


@dataclass(frozen=True, kw_only=True)
class GP:
    """A fitted process. Build it with `condition`."""

    hyperparameters: Hyperparameters
    groups: Tensor  #: (D,) length-scale of each input
    x: Tensor
    y: Tensor
    factor: Tensor
    alpha: Tensor
    best: float
    r2: float | None

    def belief(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `port.Surrogate`."""
        cross = self._cross(x)
        mean = self._expected(x) + cross @ self.alpha
        explained = torch.linalg.solve_triangular(self.factor, cross.T, upper=False).square().sum(0)
        return mean, (variance(x, self.hyperparameters, self.groups) - explained).clamp(min=1e-12).sqrt()

    def sample(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """See `port.Surrogate`."""
        cross = self._cross(x)
        mean = self._expected(x) + cross @ self.alpha
        half = torch.linalg.solve_triangular(self.factor, cross.T, upper=False)
        prior = covariance(x, x, self.hyperparameters, self.groups)
        root = cholesky(prior - half.T @ half)
        return mean + root @ torch.randn(len(x), generator=generator, dtype=x.dtype)

    def plausible(self, generator: torch.Generator) -> Iterator[GP]:
        """See `port.Surrogate`: under hyperparameters drawn from their posterior, given at most DRAW_CAP observations."""
        part = subset(self.y, DRAW_CAP, generator)
        drawn = draws(self.x[part], self.y[part], self.groups, self.hyperparameters, generator)
        return (condition(self.x, self.y, self.groups, each, self.r2) for each in drawn)

    def pending(self, x: Tensor) -> GP:
        """See `port.Surrogate`: conditions on the mean at ``x`` (kriging believer).

        That moves no mean, lowers the deviation, and what is believed of ``x`` is to be improved on too, so that a batch spreads.
        """
        if not len(x):
            return self
        cross = self._cross(x)
        corner = torch.linalg.solve_triangular(self.factor, cross.T, upper=False).T
        prior = covariance(x, x, self.hyperparameters, self.groups)
        last = cholesky(prior + self.hyperparameters.noise * torch.eye(len(x), dtype=x.dtype) - corner @ corner.T)
        before, after = len(self.x), len(self.x) + len(x)
        factor = torch.zeros(after, after, dtype=x.dtype)
        factor[:before, :before], factor[before:, :before], factor[before:, before:] = self.factor, corner, last
        believed = self._expected(x) + cross @ self.alpha
        alpha = torch.cat([self.alpha, torch.zeros(len(x), dtype=x.dtype)])
        best = max(self.best, float(believed.max()))
        return replace(
            self, x=torch.cat([self.x, x]), y=torch.cat([self.y, believed]), factor=factor, alpha=alpha, best=best
        )

    def tensors(self) -> Mapping[str, Tensor]:
        """See `port.Surrogate`."""
        return {"x": self.x, "y": self.y, "lengthscale": self.hyperparameters.lengthscale}

    def notes(self) -> Mapping[str, Any]:
        """See `port.Surrogate`."""
        at = self.hyperparameters
        return {"noise": at.noise, "mean": at.mean, "scale": at.scale, "amplitude": at.amplitude, "r2": self.r2}

    def _expected(self, x: Tensor) -> Tensor:
        return expectation(x, self.hyperparameters, self.groups)

    def _cross(self, x: Tensor) -> Tensor:
        return covariance(x, self.x, self.hyperparameters, self.groups)


def condition(x: Tensor, y: Tensor, groups: Tensor, hyperparameters: Hyperparameters, r2: float | None = None) -> GP:
    """The process given observations and hyperparameters; ``r2`` is only remembered."""
    noisy = covariance(x, x, hyperparameters, groups)
    noisy.diagonal().add_(hyperparameters.noise)
    factor = cholesky(noisy)
    alpha = torch.cholesky_solve((y - expectation(x, hyperparameters, groups))[:, None], factor)[:, 0]
    smoothed = y - hyperparameters.noise * alpha
    return GP(
        hyperparameters=hyperparameters,
        groups=groups,
        x=x,
        y=y,
        factor=factor,
        alpha=alpha,
        best=float(smoothed.max()),
        r2=r2,
    )


def fit(x: Tensor, y: Tensor, groups: Tensor, previous: Hyperparameters | None, generator: torch.Generator) -> GP:
    """Hyperparameters on at most FIT_CAP observations, conditioned on at most CONDITION_CAP."""
    informed = x.shape[1] > len(groups)
    known = previous if previous is not None and _matches(previous, groups, informed) else None
    part = subset(y, FIT_CAP, generator)
    hyperparameters = fit_hyperparameters(
        x[part], y[part], groups, known or start(groups, informed=informed), WARM_ITERATIONS if known else ITERATIONS
    )
    kept = subset(y, CONDITION_CAP, generator)
    fitted = condition(x[kept], y[kept], groups, hyperparameters)
    return replace(
        fitted, r2=leave_one_out_r2(fitted.y, fitted.alpha, torch.cholesky_inverse(fitted.factor).diagonal())
    )


def _matches(previous: Hyperparameters, groups: Tensor, informed: bool) -> bool:
    return len(previous.lengthscale) == int(groups.max()) + 1 and (previous.amplitude > 0) == informed


def subset(y: Tensor, cap: int, generator: torch.Generator) -> Tensor:
    """Indices of at most ``cap`` observations, ascending: a third the latest, a third the best, the rest at random."""
    if len(y) <= cap:
        return torch.arange(len(y))
    priority = torch.rand(len(y), generator=generator, dtype=torch.float64)
    priority[torch.argsort(y, descending=True, stable=True)[: cap // 3]] = 2.0
    priority[-(cap // 3) :] = 2.0
    first: Tensor = torch.argsort(priority, descending=True, stable=True)[:cap]
    return first.sort().values


def leave_one_out_r2(y: Tensor, alpha: Tensor, precision: Tensor) -> float | None:
    """R2 of leave-one-out means in closed form (Rasmussen and Williams 2006, eq. 5.12): the error is alpha / diag((K + noise I)^-1).

    The hyperparameters have seen all observations, so it flatters a little. None when the targets do not vary.
    """
    total = float((y - y.mean()).square().sum())
    return 1.0 - float((alpha / precision).square().sum()) / total if total > 1e-12 else None


def cholesky(matrix: Tensor) -> Tensor:
    """Lower factor; the diagonal is raised tenfold at a time, from 1e-12, until there is one."""
    factor, failed = torch.linalg.cholesky_ex(matrix)
    jitter = 1e-12
    while int(failed):
        factor, failed = torch.linalg.cholesky_ex(matrix + jitter * torch.eye(len(matrix), dtype=matrix.dtype))
        jitter *= 10
    lower: Tensor = factor
    return lower
