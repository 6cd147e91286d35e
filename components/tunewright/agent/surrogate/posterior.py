"""Hyperparameters of a Gaussian process drawn from their posterior: elliptical slice sampling (Murray, Adams, MacKay 2010).

A hundred noisy results leave open which parameters matter and how much is noise. The fitted values (`kernel.fit_hyperparameters`) are
one answer, and a search that trusts them looks along what they call important only.

Notation: ``N`` observations, ``G`` length-scales, ``H`` hyperparameters; ``theta: (H,)`` are logarithms, but for the mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from .kernel import (
    AMPLITUDE_PRIOR,
    LENGTHSCALE_LOW,
    NOISE_LOW,
    NOISE_PRIOR,
    SCALE_PRIOR,
    Hyperparameters,
    covariance,
    expectation,
    lengthscale_prior,
)

STEPS = 20  #: of the chain between two draws
MEAN_PRIOR = (0.0, 0.5)  #: normal over the mean of targets, which have mean 0 and deviation 1
SHRINKINGS = 50  #: of the bracket of one step; after these, which rounding alone can need, the chain stays where it is


def draws(
    x: Tensor, y: Tensor, groups: Tensor, first: Hyperparameters, generator: torch.Generator
) -> Iterator[Hyperparameters]:
    """Endless: hyperparameters given observations, one chain that begins at ``first``.

    Args:
        x: ``(N, D)``, or ``(N, D + 1 + L)`` where something is known (`kernel`).
        y: ``(N,)`` of mean 0 and deviation 1.
    """
    center, spread = _priors(first)
    theta = _theta(first)
    level = _log_likelihood(x, y, groups, first)
    while True:
        for _ in range(STEPS):
            theta, level = _step(theta, level, center, spread, x, y, groups, first, generator)
        yield _hyperparameters(theta, first)


def _step(
    theta: Tensor,
    level: float,
    center: Tensor,
    spread: Tensor,
    x: Tensor,
    y: Tensor,
    groups: Tensor,
    like: Hyperparameters,
    generator: torch.Generator,
) -> tuple[Tensor, float]:
    """The next point of the chain and its log likelihood: on the ellipse through ``theta`` and a draw of the prior, above a drawn level."""
    drawn = spread * torch.randn(len(theta), generator=generator, dtype=theta.dtype)
    least = level + math.log(_uniform(generator))
    angle = 2 * math.pi * _uniform(generator)
    low, high = angle - 2 * math.pi, angle
    for _ in range(SHRINKINGS):
        there = center + (theta - center) * math.cos(angle) + drawn * math.sin(angle)
        reached = _log_likelihood(x, y, groups, _hyperparameters(there, like))
        if reached > least:
            return there, reached
        low, high = (angle, high) if angle < 0 else (low, angle)
        angle = low + (high - low) * _uniform(generator)
    return theta, level


def _uniform(generator: torch.Generator) -> float:
    """Above 0, at most 1."""
    return 1.0 - float(torch.rand((), generator=generator, dtype=torch.float64))


def _log_likelihood(x: Tensor, y: Tensor, groups: Tensor, at: Hyperparameters) -> float:
    """Log density of ``y``, up to a constant; minus infinity where the covariance has no factor."""
    noisy = covariance(x, x, at, groups)
    noisy.diagonal().add_(at.noise)
    factor, failed = torch.linalg.cholesky_ex(noisy)
    if int(failed):
        return -math.inf
    residual = torch.linalg.solve_triangular(factor, (y - expectation(x, at, groups))[:, None], upper=False)
    return float(-0.5 * residual.square().sum() - factor.diagonal().log().sum())


def _priors(like: Hyperparameters) -> tuple[Tensor, Tensor]:
    """Means and deviations ``(H,)`` of the normal priors over theta."""
    count = len(like.lengthscale)
    told = [NOISE_PRIOR, MEAN_PRIOR, *([SCALE_PRIOR, AMPLITUDE_PRIOR] if like.amplitude else [])]
    center, spread = torch.tensor([*[lengthscale_prior(count)] * count, *told], dtype=torch.float64).T
    return center, spread


def _theta(at: Hyperparameters) -> Tensor:
    told = [math.log(at.noise), at.mean, *([math.log(at.scale), math.log(at.amplitude)] if at.amplitude else [])]
    return torch.cat([at.lengthscale.log(), torch.tensor(told, dtype=torch.float64)])


def _hyperparameters(theta: Tensor, like: Hyperparameters) -> Hyperparameters:
    """Within the bounds of a fit."""
    count = len(like.lengthscale)
    told = theta[count:].tolist()
    found = replace(
        like,
        lengthscale=theta[:count].exp().clamp(min=LENGTHSCALE_LOW),
        noise=max(math.exp(told[0]), NOISE_LOW),
        mean=told[1],
    )
    return replace(found, scale=math.exp(told[2]), amplitude=math.exp(told[3])) if like.amplitude else found
