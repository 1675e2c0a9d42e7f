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


@dataclass(frozen=True)
class Reference:
    """The Gaussian to measure from, with a root R (d,r) of its covariance (S = R R'), found once for many distances.

    path: how the root was found; least: the smallest eigenvalue met in finding it, None where none was.
    """

    gaussian: Gaussian
    root: Tensor
    path: Path
    least: float | None = None

    def distance_of_gaussian(self, one: Gaussian) -> FrechetResult:
        """Return the Frechet distance of another Gaussian."""
        eigenvalues = torch.linalg.eigvalsh(self.root.T @ one.cov @ self.root)
        return self._result(one, eigenvalues, self.path)

    def to(self, device: str) -> "Reference":
        """Return the same reference on a device."""
        one = self.gaussian
        return Reference(
            Gaussian(one.mean.to(device), one.cov.to(device), one.count), self.root.to(device), self.path, self.least
        )

    def distance(self, features: Tensor) -> FrechetResult:
        """Return the Frechet distance of features (n,d), n >= 2.

        Where n <= d the covariance has no Cholesky factor; its thin factor A (n,d) gives the root through the Gram
        matrix A S A', which is also faster.
        """
        one = gaussian(features)
        if len(features) > features.shape[1]:
            return self.distance_of_gaussian(one)
        thin = (features.double() - one.mean) / (len(features) - 1) ** 0.5
        product = thin @ self.root
        return self._result(one, torch.linalg.eigvalsh(product @ product.T), "gram")

    def _result(self, one: Gaussian, eigenvalues: Tensor, path: Path) -> FrechetResult:
        other = self.gaussian
        trace = eigenvalues.clamp(min=0).sqrt().sum()
        value = (one.mean - other.mean).square().sum() + one.cov.trace() + other.cov.trace() - 2 * trace
        deficient = min(one.count, other.count) <= len(one.mean)
        least = eigenvalues[0].item()
        return FrechetResult(value.item(), path, least if self.least is None else min(least, self.least), deficient)


def reference_of(gaussian: Gaussian) -> Reference:
    """Return a Gaussian as a reference: its Cholesky factor, or where Cholesky refuses, eigenvectors with clipping."""
    lower, failed = torch.linalg.cholesky_ex(gaussian.cov)
    if not failed:
        return Reference(gaussian, lower, "cholesky")
    values, vectors = torch.linalg.eigh(gaussian.cov)
    return Reference(gaussian, vectors * values.clamp(min=0).sqrt(), "eigh", values[0].item())


def reference(features: Tensor) -> Reference:
    """Return the reference of features (m,d), m >= 2; where m <= d the thin factor (d,m) is its root."""
    one = gaussian(features)
    if len(features) > features.shape[1]:
        return reference_of(one)
    return Reference(one, (features.double() - one.mean).T / (len(features) - 1) ** 0.5, "gram")


def frechet_distance(features: Tensor, other: Tensor) -> FrechetResult:
    """Return the Frechet distance of features (n,d) from reference features (m,d); n, m >= 2."""
    return reference(other).distance(features)
