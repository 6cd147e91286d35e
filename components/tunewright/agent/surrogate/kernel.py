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
    from gpytorch.priors import LogNormalPrior
    from linear_operator import to_linear_operator

LENGTHSCALE_LOW, NOISE_LOW = 1e-2, 1e-6
NOISE_START = 1e-2
BOUND = 10.0  #: on logarithms of length-scales and noise, and on the mean
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


class _Model(gpytorch.models.ExactGP):  # type: ignore[misc]
    def __init__(self, x: Tensor, y: Tensor, groups: Tensor, likelihood: Any) -> None:
        super().__init__(x, y, likelihood)
        self.mean_module = gpytorch.means.ConstantMean()
        self.covar_module = GroupedMatern(groups)

    def forward(self, x: Tensor) -> Any:
        prior = self.covar_module.forward(x, x)  # calling it would demand as many columns as length-scales
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), to_linear_operator(prior))


def covariance(x1: Tensor, x2: Tensor, lengthscale: Tensor, groups: Tensor) -> Tensor:
    """The kernel of `GroupedMatern` at given length-scales, without gradients: ``(N1, N2)``."""
    scales = lengthscale[groups]
    r = math.sqrt(5.0) * torch.cdist(x1 / scales, x2 / scales, compute_mode="donot_use_mm_for_euclid_dist")
    return (1 + r + r.square() / 3) * torch.exp(-r)


def fit_hyperparameters(x: Tensor, y: Tensor, groups: Tensor, start: Hyperparameters | None, iterations: int) -> Hyperparameters:
    """Maximum a posteriori by L-BFGS-B, from ``start`` or from `_modes`, within bounds and with bounded work.

    scipy's, because torch.optim loads the compiler of torch: 160 MB and seconds of every step.
    """
    noise = GreaterThan(NOISE_LOW, transform=torch.exp, inv_transform=torch.log)
    likelihood = gpytorch.likelihoods.GaussianLikelihood(noise_prior=LogNormalPrior(*NOISE_PRIOR), noise_constraint=noise)
    model = _Model(x, y, groups, likelihood).double().train()
    _place(model, start or _modes(model))
    marginal = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    parameters = list(model.parameters())

    def loss(theta: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        vector_to_parameters(torch.from_numpy(theta), parameters)
        value = -marginal(model(x), y)
        gradient = torch.autograd.grad(value, parameters)
        return float(value.detach()), parameters_to_vector(gradient).numpy()

    first = parameters_to_vector(parameters).detach().numpy()
    exact = gpytorch.settings.fast_computations(covar_root_decomposition=False, log_prob=False, solves=False)
    with exact, torch.enable_grad():
        found = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=[(-BOUND, BOUND)] * len(first), options={"maxiter": iterations})
    vector_to_parameters(torch.from_numpy(found.x), parameters)
    return _read(model)


def _modes(model: Any) -> Hyperparameters:
    count = model.covar_module.lengthscale.numel()
    return Hyperparameters(lengthscale=torch.full((count,), 0.3 * math.sqrt(count), dtype=torch.float64), noise=NOISE_START, mean=0.0)


def _place(model: Any, at: Hyperparameters) -> None:
    model.covar_module.lengthscale = at.lengthscale.clamp(min=1.01 * LENGTHSCALE_LOW)[None]
    model.likelihood.noise = max(at.noise, 1.01 * NOISE_LOW)
    model.mean_module.constant = at.mean


def _read(model: Any) -> Hyperparameters:
    return Hyperparameters(
        lengthscale=model.covar_module.lengthscale.detach().clone().flatten(),
        noise=float(model.likelihood.noise.detach()),
        mean=float(model.mean_module.constant.detach()),
    )
