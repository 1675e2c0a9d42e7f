"""The kernel inception distance (Binkowski et al., ICLR 2018) of two sets of features."""

from typing import TYPE_CHECKING, Annotated, Self

import numpy as np

from bench.config.numbers import Finite, NonNegative
from bench.metrics.metric import Given, Metric, Reasons
from bench.metrics.shown import Shown
from sfddm.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


class KID(Metric):
    """Mean and standard deviation over subsets."""

    mean: Annotated[Finite, Shown("KID{space}", "x 1000", "lower", 2, factor=1000)]
    sd: NonNegative

    @classmethod
    def of(cls, given: Given) -> tuple[Self, Reasons]:
        settings = given.settings
        size = settings.kid_subset_of(len(given.features), len(given.real))
        mean, sd = kid(given.features, given.real, settings.kid_subsets, size, settings.seed)
        return cls(mean=mean, sd=sd), {}


def kid(
    features: "Tensor", reference: "Tensor", subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return mean and sd over seeded subsets of the unbiased squared MMD; it may be negative.

    features (n,d), reference (m,d); the kernel is (x y / d + 1)^3, in float64. Raises InputError if a subset would be
    larger than a set.
    """
    smallest = min(len(features), len(reference))
    if not 2 <= subset_size <= smallest:
        raise InputError(f"evaluation.kid_subset: {subset_size} given, 2 to {smallest} possible with this many images")
    random = np.random.default_rng(seed)
    values = []
    for _ in range(subsets):
        x = features[random.choice(len(features), subset_size, replace=False)]
        y = reference[random.choice(len(reference), subset_size, replace=False)]
        values.append(squared_mmd(x.double(), y.double()))
    return float(np.mean(values)), float(np.std(values))


def squared_mmd(x: "Tensor", y: "Tensor") -> float:
    """Return the unbiased squared MMD (Gretton et al. 2012, equation 3) of two sets (n,d) of the same size."""
    n = len(x)
    within_x, within_y, between = kernel(x, x), kernel(y, y), kernel(x, y)
    same = within_x.sum() - within_x.trace() + within_y.sum() - within_y.trace()
    return (same / (n * (n - 1)) - 2 * between.mean()).item()


def kernel(x: "Tensor", y: "Tensor") -> "Tensor":
    """Return the cubic polynomial kernel's matrix (n,m)."""
    return (x @ y.T / x.shape[1] + 1) ** 3
