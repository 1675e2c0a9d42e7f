"""The Frechet distance between Gaussians fitted to two sets of features (Heusel et al. 2017, equation 6).

tr (S1 S2)^(1/2) is the nuclear norm of L1' L2 where S = L L': one Cholesky factor and one symmetric eigenproblem,
in float64, without complex numbers and without SciPy.
"""

from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import Literal

import numpy as np
import torch
from torch import Tensor

Path = Literal["cholesky", "gram", "eigh"]

ROWS_AT_ONCE = 16_384  # in float64: 256 MiB of Inception's 2048 features
SMALLEST_GRAM = 512  # columns: of fewer, a product of half the size takes as long


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


@dataclass(frozen=True)
class Scatter:
    """count, mean (d,) and scatter (d,d), the sum of (x - mean)(x - mean)', float64, of a set of features.

    Those of two sets add up, and those of a part can be taken out again (Chan, Golub and LeVeque 1983).
    """

    count: int
    mean: Tensor
    scatter: Tensor

    def __add__(self, other: "Scatter") -> "Scatter":
        total = self.count + other.count
        shift = other.mean - self.mean
        between = torch.outer(shift, shift) * (self.count * other.count / total)
        return Scatter(total, self.mean + shift * (other.count / total), self.scatter + other.scatter + between)

    def __sub__(self, part: "Scatter") -> "Scatter":
        rest = self.count - part.count
        shift = (part.mean - self.mean) * (self.count / rest)
        between = torch.outer(shift, shift) * (rest * part.count / self.count)
        return Scatter(rest, self.mean - shift * (part.count / self.count), self.scatter - part.scatter - between)

    def gaussian(self) -> Gaussian:
        """Return the Gaussian of the set, of 2 features or more."""
        return Gaussian(self.mean, self.scatter / (self.count - 1), self.count)


def scatter_of(features: Tensor, chosen: np.ndarray | None = None) -> Scatter:
    """Return the scatter of features (n,d), or of the chosen rows (k,) of them, read a part at a time."""
    count = len(features) if chosen is None else len(chosen)
    starts = range(0, count, ROWS_AT_ONCE)
    rows = [slice(start, start + ROWS_AT_ONCE) for start in starts]
    parts = (features[part if chosen is None else chosen[part]] for part in rows)
    return reduce(add, map(_scatter_of_part, parts))


def _scatter_of_part(features: Tensor) -> Scatter:
    x = features.double()
    mean = x.mean(0)
    return Scatter(len(x), mean, gram(x - mean))


def gram(x: Tensor) -> Tensor:
    """Return x' x (d,d) of x (n,d); what lies below the diagonal is mirrored, not multiplied out."""
    d = x.shape[1]
    if d <= SMALLEST_GRAM:
        return x.T @ x
    left, right = x[:, : d // 2], x[:, d // 2 :]
    corner = left.T @ right
    return torch.cat([torch.cat([gram(left), corner], 1), torch.cat([corner.T, gram(right)], 1)])


def gaussian(features: Tensor) -> Gaussian:
    """Return the Gaussian of features (n,d), n >= 2, in float64."""
    return scatter_of(features).gaussian()


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


class Subsets:
    """Distances of subsets of features (n,d) from a reference; the scatter of all of them is found once.

    A subset of more than half of them has the scatter of all less that of the others.
    """

    def __init__(self, features: Tensor, reference: Reference):
        self.features, self.reference = features, reference

    @cached_property
    def _scatter(self) -> Scatter:
        return scatter_of(self.features)

    @cached_property
    def whole(self) -> FrechetResult:
        """The distance of all features."""
        n, d = self.features.shape
        if n <= d:
            return self.reference.distance(self.features)
        return self.reference.distance_of_gaussian(self._scatter.gaussian())

    def distance(self, chosen: np.ndarray) -> FrechetResult:
        """Return the distance of chosen rows (k,), k >= 2, none of them twice."""
        n, d = self.features.shape
        if len(chosen) == n:
            return self.whole
        if len(chosen) <= d:
            return self.reference.distance(self.features[chosen])
        if 2 * len(chosen) <= n:
            scatter = scatter_of(self.features, chosen)
        else:
            scatter = self._scatter - scatter_of(self.features, np.setdiff1d(np.arange(n), chosen))
        return self.reference.distance_of_gaussian(scatter.gaussian())


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
