"""Kernel, priors and the fit of hyperparameters, on gpytorch.

Notation: ``N`` observations, ``D`` inputs, ``G`` length-scales; ``x: (N, D)``, ``y: (N,)`` of mean 0 and deviation 1. Where something is
known from other tasks, ``x: (N, D + 1 + L)``: the columns after those of ``groups: (D,)`` are a prior mean and ``L`` linear features
(`agent.knowledge`), both times ``amplitude``.
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
NOISE_START = 0.1
BLOCK = 128  #: rows of a covariance computed at a time: at a thousand observations every whole copy is 8 MB
IMPOSSIBLE = 1e10  #: loss where the covariance has no factor
BOUND = 15.0  #: on logarithms of length-scales and noise, and on the mean
SCALE_PRIOR = (-0.7, 0.7)  #: LogNormal over the variance of what nothing is known about, beside what is known
AMPLITUDE_PRIOR = (
    0.0,
    0.7,
)  #: LogNormal over the size of what is known: as large as on other tasks, within a factor of two
NOISE_PRIOR = (-0.7, 0.7)  #: LogNormal over the variance of the noise


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """What is fitted."""

    lengthscale: Tensor  #: (G,)
    noise: float  #: variance of an observation around the function
    mean: float  #: of the prior
    scale: float = 1.0  #: variance of what nothing is known about
    amplitude: float = 0.0  #: of what is known from other tasks; 0 where nothing is


def lengthscale_prior(count: int) -> tuple[float, float]:
    """Dimension-scaled LogNormal over each of ``count`` length-scales (Hvarfner, Hellsten, Nardi 2024): they grow with the square root."""
    return math.sqrt(2.0) + 0.5 * math.log(count), math.sqrt(3.0)


class GroupedMatern(gpytorch.kernels.Kernel):  # type: ignore[misc]
    """Matern 5/2 of variance 1 in which the columns of one group share a length-scale: a choice of many is one dimension, not many."""

    has_lengthscale = True

    def __init__(self, groups: Tensor) -> None:
        count = int(groups.max()) + 1
        prior = LogNormalPrior(*lengthscale_prior(count))
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

    def __init__(self, groups: Tensor, *, informed: bool = False) -> None:
        super().__init__()
        self.informed = informed
        self.kernel = GroupedMatern(groups)
        constraint = GreaterThan(NOISE_LOW, transform=torch.exp, inv_transform=torch.log)
        self.likelihood = GaussianLikelihood(noise_prior=LogNormalPrior(*NOISE_PRIOR), noise_constraint=constraint)
        self.constant = torch.nn.Parameter(torch.zeros(()))
        if informed:
            self.log_scale = torch.nn.Parameter(torch.zeros(()))
            self.log_amplitude = torch.nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Log density of ``y`` and of the parameters under their priors, divided by ``N``."""
        noise = self.likelihood.noise
        plain, known = _parts(x, self.kernel.groups)
        covariance_matrix: Tensor = self.kernel.forward(plain, plain)
        expected: Tensor = self.constant
        if self.informed:
            amplitude = self.log_amplitude.exp()
            features = amplitude * known[:, 1:]
            covariance_matrix = covariance_matrix * self.log_scale.exp() + features @ features.T
            expected = expected + amplitude * known[:, 0]
        covariance_matrix = covariance_matrix + noise * torch.eye(len(x), dtype=x.dtype)
        factor = torch.linalg.cholesky(covariance_matrix)
        residual = torch.linalg.solve_triangular(factor, (y - expected)[:, None], upper=False)
        density = -0.5 * residual.square().sum() - factor.diagonal().log().sum() - 0.5 * len(x) * math.log(2 * math.pi)
        for _, module, prior, value, _ in self.named_priors():
            density = density + prior.log_prob(value(module)).sum()
        if self.informed:
            density = (
                density + _log_normal(self.log_scale, SCALE_PRIOR) + _log_normal(self.log_amplitude, AMPLITUDE_PRIOR)
            )
        per_observation: Tensor = density / len(x)
        return per_observation

    def place(self, at: Hyperparameters) -> None:
        """Set the parameters."""
        self.kernel.lengthscale = at.lengthscale.clamp(min=1.01 * LENGTHSCALE_LOW)[None]
        self.likelihood.noise = max(at.noise, 1.01 * NOISE_LOW)
        self.constant.data.fill_(at.mean)
        if self.informed:
            self.log_scale.data.fill_(math.log(at.scale))
            self.log_amplitude.data.fill_(math.log(at.amplitude))

    def read(self) -> Hyperparameters:
        """The parameters as they are."""
        return Hyperparameters(
            lengthscale=self.kernel.lengthscale.detach().clone().flatten(),
            noise=float(self.likelihood.noise.detach()),
            mean=float(self.constant.detach()),
            **(
                {}
                if not self.informed
                else {
                    "scale": float(self.log_scale.detach().exp()),
                    "amplitude": float(self.log_amplitude.detach().exp()),
                }
            ),
        )


def start(groups: Tensor, *, informed: bool = False) -> Hyperparameters:
    """Where a fit begins that nothing precedes: length-scales that grow with the square root of the dimension, little noise."""
    count = int(groups.max()) + 1
    lengthscale = torch.full((count,), 0.3 * math.sqrt(count), dtype=torch.float64)
    if informed:
        return Hyperparameters(lengthscale=lengthscale, noise=NOISE_START, mean=0.0, scale=0.5, amplitude=1.0)
    return Hyperparameters(lengthscale=lengthscale, noise=NOISE_START, mean=0.0)


def covariance(x1: Tensor, x2: Tensor, at: Hyperparameters, groups: Tensor) -> Tensor:
    """Prior covariance of the function, without gradients: ``(N1, N2)``."""
    (plain1, known1), (plain2, known2) = _parts(x1, groups), _parts(x2, groups)
    result = _matern(plain1 / at.lengthscale[groups], plain2 / at.lengthscale[groups]).mul_(at.scale)
    return result.addmm_(known1[:, 1:], known2[:, 1:].T, alpha=at.amplitude**2) if at.amplitude else result


def variance(x: Tensor, at: Hyperparameters, groups: Tensor) -> Tensor:
    """Prior variance of the function: ``(N,)``."""
    return at.scale + at.amplitude**2 * _parts(x, groups)[1][:, 1:].square().sum(1)


def expectation(x: Tensor, at: Hyperparameters, groups: Tensor) -> Tensor:
    """Prior mean of the function: ``(N,)``."""
    return at.mean + at.amplitude * _parts(x, groups)[1][:, :1].sum(1)


def _parts(x: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs ``(N, D)``, and what is known ``(N, 1 + L)`` or ``(N, 0)``."""
    return x[:, : len(groups)], x[:, len(groups) :]


def _log_normal(logarithm: Tensor, prior: tuple[float, float]) -> Tensor:
    """Log density of a logarithm, up to a constant."""
    return -0.5 * ((logarithm - prior[0]) / prior[1]) ** 2


def _matern(first: Tensor, second: Tensor) -> Tensor:
    """The kernel of `GroupedMatern` at scaled inputs."""
    result = torch.empty(len(first), len(second), dtype=first.dtype)
    for at in range(0, len(first), BLOCK):
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
    process = Process(groups, informed=first.amplitude > 0).double()
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
