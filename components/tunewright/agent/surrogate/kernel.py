"""Kernel, priors and the fit of hyperparameters, on gpytorch.

Notation: ``N`` observations, ``D`` inputs, ``G`` length-scales; ``x: (N, D)``, ``y: (N,)`` of mean 0 and deviation 1.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

with warnings.catch_warnings():  # linear_operator uses torch.jit.script, which newer releases of torch deprecate
    warnings.simplefilter("ignore")
    import gpytorch
    from gpytorch.constraints import GreaterThan
    from gpytorch.likelihoods import GaussianLikelihood
    from gpytorch.priors import LogNormalPrior

LENGTHSCALE_LOW, NOISE_LOW = 1e-2, 1e-6
NOISE_START = 1e-2
BLOCK = 128  #: rows of a covariance computed at a time: at a thousand observations every whole copy is 8 MB
IMPOSSIBLE = 1e10  #: loss where the covariance has no factor
BOUND = 15.0  #: on logarithms of length-scales and noise, and on the mean
NOISE_PRIOR = (-4.0, 1.0)  #: LogNormal over the variance of the noise (Hvarfner, Hellsten, Nardi 2024)


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """What is fitted."""

    lengthscale: Tensor  #: (G,)
    noise: float  #: variance of an observation around the function
    mean: float  #: of the prior


class GroupedMatern(gpytorch.kernels.Kernel):  # type: ignore[misc]
    """Matern 5/2 of variance 1 in which the columns of one group share a length-scale: a choice of many is one dimension, not many.

    The prior over length-scales is dimension-scaled (Hvarfner, Hellsten, Nardi 2024): they grow with the square root of the dimension.
    """

    has_lengthscale = True

    def __init__(self, groups: Tensor) -> None:
        count = int(groups.max()) + 1
        prior = LogNormalPrior(math.sqrt(2.0) + 0.5 * math.log(count), math.sqrt(3.0))
        constraint = GreaterThan(LENGTHSCALE_LOW, transform=torch.exp, inv_transform=torch.log)
        super().__init__(ard_num_dims=count, lengthscale_prior=prior, lengthscale_constraint=constraint)
        self.groups = groups

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: Any) -> Tensor:
        scales = self.lengthscale[..., self.groups]
        r = math.sqrt(5.0) * self.covar_dist(x1 / scales, x2 / scales, diag=diag, **params)
        result: Tensor = (1 + r + r**2 / 3) * torch.exp(-r)
        return result


class Process(gpytorch.Module):  # type: ignore[misc]
    """The parameters of a Gaussian process with their priors, and its density.

    The density is written out, because gpytorch's on the way loads sympy: 60 MB and two seconds of every step. A test compares the two.
    """

    def __init__(self, groups: Tensor) -> None:
        super().__init__()
        self.kernel = GroupedMatern(groups)
        constraint = GreaterThan(NOISE_LOW, transform=torch.exp, inv_transform=torch.log)
        self.likelihood = GaussianLikelihood(noise_prior=LogNormalPrior(*NOISE_PRIOR), noise_constraint=constraint)
        self.constant = torch.nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Log density of ``y`` and of the parameters under their priors, divided by ``N``."""
        noise = self.likelihood.noise
        covariance_matrix = self.kernel.forward(x, x) + noise * torch.eye(len(x), dtype=x.dtype)
        factor = torch.linalg.cholesky(covariance_matrix)
        residual = torch.linalg.solve_triangular(factor, (y - self.constant)[:, None], upper=False)
        density = -0.5 * residual.square().sum() - factor.diagonal().log().sum() - 0.5 * len(x) * math.log(2 * math.pi)
        for _, module, prior, value, _ in self.named_priors():
            density = density + prior.log_prob(value(module)).sum()
        per_observation: Tensor = density / len(x)
        return per_observation

    def place(self, at: Hyperparameters) -> None:
        """Set the parameters."""
        self.kernel.lengthscale = at.lengthscale.clamp(min=1.01 * LENGTHSCALE_LOW)[None]
        self.likelihood.noise = max(at.noise, 1.01 * NOISE_LOW)
        self.constant.data.fill_(at.mean)

    def read(self) -> Hyperparameters:
        """The parameters as they are."""
        return Hyperparameters(
            lengthscale=self.kernel.lengthscale.detach().clone().flatten(),
            noise=float(self.likelihood.noise.detach()),
            mean=float(self.constant.detach()),
        )


def start(groups: Tensor) -> Hyperparameters:
    """Where a fit begins that nothing precedes: length-scales that grow with the square root of the dimension, little noise."""
    count = int(groups.max()) + 1
    return Hyperparameters(
        lengthscale=torch.full((count,), 0.3 * math.sqrt(count), dtype=torch.float64), noise=NOISE_START, mean=0.0
    )


def covariance(x1: Tensor, x2: Tensor, lengthscale: Tensor, groups: Tensor) -> Tensor:
    """The kernel of `GroupedMatern` at given length-scales, without gradients: ``(N1, N2)``."""
    first, second = x1 / lengthscale[groups], x2 / lengthscale[groups]
    result = torch.empty(len(x1), len(x2), dtype=x1.dtype)
    for at in range(0, len(x1), BLOCK):
        r = torch.cdist(first[at : at + BLOCK], second, compute_mode="donot_use_mm_for_euclid_dist").mul_(
            math.sqrt(5.0)
        )
        result[at : at + BLOCK] = r.square().div_(3).add_(r).add_(1).mul_(torch.exp(-r))
    return result


def fit_hyperparameters(
    x: Tensor, y: Tensor, groups: Tensor, first: Hyperparameters, iterations: int
) -> Hyperparameters:
    """Maximum a posteriori by L-BFGS-B from ``first``, within bounds and with bounded work.

    scipy's, because torch.optim loads the compiler of torch: 160 MB and seconds of every step.
    """
    process = Process(groups).double()
    process.place(first)
    parameters = list(process.parameters())

    def loss(theta: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        vector_to_parameters(torch.from_numpy(theta), parameters)
        try:
            value = -process(x, y)
        except RuntimeError:  # LinAlgError: the line search went where there is no factor; it turns back
            return IMPOSSIBLE, np.zeros_like(theta)
        gradient = torch.autograd.grad(value, parameters)
        return float(value.detach()), parameters_to_vector(gradient).numpy()

    theta = parameters_to_vector(parameters).detach().numpy()
    with torch.enable_grad():
        found = minimize(
            loss,
            theta,
            jac=True,
            method="L-BFGS-B",
            bounds=[(-BOUND, BOUND)] * len(theta),
            options={"maxiter": iterations},
        )
    vector_to_parameters(torch.from_numpy(found.x), parameters)
    fitted: Hyperparameters = process.read()
    return fitted
