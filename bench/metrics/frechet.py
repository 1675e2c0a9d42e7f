"""The Frechet distance between Gaussians fitted to two sets of features (Heusel et al. 2017, equation 6).

tr (S1 S2)^(1/2) is the nuclear norm of L1' L2 where S = L L': one Cholesky factor and one symmetric eigenproblem,
in float64, without complex numbers and without SciPy.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Path = Literal["cholesky", "gram", "eigh"]


@dataclass(frozen=True)
class Gaussian:
    """mean (d,) and unbiased covariance cov (d,d), float64, of `count` features."""

    mean: Tensor
    cov: Tensor
    count: int


@dataclass(frozen=True)
class FrechetResult:
    """The distance, the path its matrix root took, the smallest eigenvalue met, and whether a sample was n <= d."""

    value: float
    path: Path
    min_eigenvalue: float
    rank_deficient: bool


def gaussian(features: Tensor) -> Gaussian:
    """Return the Gaussian of features (n,d), n >= 2, in float64."""
    x = features.double()
    mean = x.mean(0)
    centred = x - mean
    return Gaussian(mean, centred.T @ centred / (len(x) - 1), len(x))


class GaussianStream:
    """Mean and covariance of features that come in batches; the merge is Chan, Golub and LeVeque's (1983)."""

    def __init__(self) -> None:
        self.count, self.mean, self.scatter = 0, torch.zeros(()), torch.zeros(())

    def add(self, features: Tensor) -> None:
        """Take in a batch (n,d)."""
        x = features.double()
        n, mean = len(x), x.mean(0)
        centred = x - mean
        if not self.count:
            self.count, self.mean, self.scatter = n, mean, centred.T @ centred
            return
        shift, total = mean - self.mean, self.count + n
        self.scatter = self.scatter + centred.T @ centred + torch.outer(shift, shift) * (self.count * n / total)
        self.mean = self.mean + shift * (n / total)
        self.count = total

    def result(self) -> Gaussian:
        """Return the Gaussian of everything taken in."""
        return Gaussian(self.mean, self.scatter / (self.count - 1), self.count)


def distance_of_gaussians(one: Gaussian, reference: Gaussian) -> FrechetResult:
    """Return the Frechet distance of two Gaussians."""
    trace, path, least = _root_trace(one.cov, reference.cov)
    deficient = min(one.count, reference.count) <= len(one.mean)
    return _assemble(one, reference, trace, path, least, deficient)


def frechet_distance(features: Tensor, reference: Tensor) -> FrechetResult:
    """Return the Frechet distance of features (n,d) from reference features (m,d); n, m >= 2.

    Where n <= d the covariance has no Cholesky factor; its thin factor A (n,d) gives the root through the Gram
    matrix A S A', which is also faster.
    """
    one, other = gaussian(features), gaussian(reference)
    if len(features) > features.shape[1]:
        return distance_of_gaussians(one, other)
    factor = (features.double() - one.mean) / (len(features) - 1) ** 0.5
    eigenvalues = torch.linalg.eigvalsh(factor @ other.cov @ factor.T)
    return _assemble(one, other, eigenvalues.clamp(min=0).sqrt().sum(), "gram", eigenvalues[0].item(), True)


def _root_trace(one: Tensor, reference: Tensor) -> tuple[Tensor, Path, float]:
    """Return tr (S1 S2)^(1/2), the path taken and the smallest eigenvalue."""
    lower, failed = torch.linalg.cholesky_ex(reference)
    if not failed:
        eigenvalues = torch.linalg.eigvalsh(lower.T @ one @ lower)
        return eigenvalues.clamp(min=0).sqrt().sum(), "cholesky", eigenvalues[0].item()
    values, vectors = torch.linalg.eigh(reference)
    root = vectors * values.clamp(min=0).sqrt()
    eigenvalues = torch.linalg.eigvalsh(root.T @ one @ root)
    return eigenvalues.clamp(min=0).sqrt().sum(), "eigh", min(values[0].item(), eigenvalues[0].item())


def _assemble(
    one: Gaussian, other: Gaussian, trace: Tensor, path: Path, least: float, deficient: bool
) -> FrechetResult:
    shift = (one.mean - other.mean).square().sum()
    value = shift + one.cov.trace() + other.cov.trace() - 2 * trace
    return FrechetResult(value.item(), path, least, deficient)
