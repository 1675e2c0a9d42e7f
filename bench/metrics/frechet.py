"""The Frechet distance between Gaussians fitted to two sets of features (Heusel et al. 2017, equation 6).

tr (S1 S2)^(1/2) is the nuclear norm of L1' L2 where S = L L': one Cholesky factor and one symmetric eigenproblem,
in float64, without complex numbers and without SciPy.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Path = Literal["cholesky", "gram", "eigh"]

ROWS_AT_ONCE = 100_000  # in float64: 1.6 GB of Inception's 2048 features


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
    """Return the Gaussian of features (n,d), n >= 2, in float64; of very many, a part at a time, to save memory."""
    if len(features) > ROWS_AT_ONCE:
        stream = GaussianStream()
        for part in features.split(ROWS_AT_ONCE):
            stream.add(part)
        return stream.result()
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
    """The Gaussian to measure from: mean (d,), root R (d,r) of its covariance S = R R', found once for many distances.

    trace: of the covariance; path: how the root was found; least: the smallest eigenvalue met there, None if none was.
    """

    mean: Tensor
    root: Tensor
    trace: float
    count: int
    path: Path
    least: float | None = None

    def distance_of_gaussian(self, one: Gaussian) -> FrechetResult:
        """Return the Frechet distance of another Gaussian."""
        eigenvalues = torch.linalg.eigvalsh(self.root.T @ one.cov @ self.root)
        return self._result(one.mean, one.cov.trace().item(), one.count, eigenvalues, self.path)

    def distance(self, features: Tensor) -> FrechetResult:
        """Return the Frechet distance of features (n,d), n >= 2.

        Where n <= d the covariance has no Cholesky factor; its thin factor A (n,d) gives the root through the Gram
        matrix A S A', which is also faster.
        """
        if len(features) > features.shape[1]:
            return self.distance_of_gaussian(gaussian(features))
        mean, thin = thin_factor(features)
        product = thin @ self.root
        eigenvalues = torch.linalg.eigvalsh(product @ product.T)
        return self._result(mean, thin.square().sum().item(), len(features), eigenvalues, "gram")

    def _result(self, mean: Tensor, trace: float, count: int, eigenvalues: Tensor, path: Path) -> FrechetResult:
        shift = (mean - self.mean).square().sum().item()
        value = shift + trace + self.trace - 2 * eigenvalues.clamp(min=0).sqrt().sum().item()
        least = eigenvalues[0].item()
        deficient = min(count, self.count) <= len(mean)
        return FrechetResult(value, path, least if self.least is None else min(least, self.least), deficient)


def thin_factor(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean (d,) of features (n,d) and the factor A (n,d) of their covariance A' A, float64."""
    x = features.double()
    mean = x.mean(0)
    return mean, (x - mean) / (len(x) - 1) ** 0.5


def reference_of(gaussian: Gaussian) -> Reference:
    """Return a Gaussian as a reference: its Cholesky factor, or if Cholesky refuses, eigenvectors with clipping."""
    about = gaussian.cov.trace().item(), gaussian.count
    lower, failed = torch.linalg.cholesky_ex(gaussian.cov)
    if not failed:
        return Reference(gaussian.mean, lower, *about, "cholesky")
    values, vectors = torch.linalg.eigh(gaussian.cov)
    return Reference(gaussian.mean, vectors * values.clamp(min=0).sqrt(), *about, "eigh", values[0].item())


def reference(features: Tensor) -> Reference:
    """Return the reference of features (m,d), m >= 2; if m <= d the thin factor is its root (d,m)."""
    if len(features) > features.shape[1]:
        return reference_of(gaussian(features))
    mean, thin = thin_factor(features)
    return Reference(mean, thin.T, thin.square().sum().item(), len(features), "gram")


def frechet_distance(features: Tensor, other: Tensor) -> FrechetResult:
    """Return the Frechet distance of features (n,d) from reference features (m,d); n, m >= 2."""
    return reference(other).distance(features)
