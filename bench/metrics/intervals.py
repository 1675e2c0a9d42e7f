"""Intervals, 95 %: of a mean of few values by Student's t, and of a Frechet distance from the generated images alone.

The latter is a delete-a-group jackknife: the bootstrap repeats images, which shrinks the covariance's rank and shifts
the distance up as fewer images would; leaving a twentieth out hardly changes the bias and costs 20 distances. No torch.
"""

import math
from collections.abc import Sequence
from statistics import stdev
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit  # scipy.stats takes a second to import

if TYPE_CHECKING:
    from bench.metrics.frechet import Subsets

LEVEL = 0.95
GROUPS = 20


def quantile(degrees: int) -> float:
    """Return how many standard errors wide each half of the 95 % interval is, for so many degrees of freedom."""
    return float(stdtrit(degrees, (1 + LEVEL) / 2))


def half_of_mean(values: Sequence[float]) -> float:
    """Return half the width of the 95 % interval of the mean of two values or more."""
    return quantile(len(values) - 1) * stdev(values) / math.sqrt(len(values))


def jackknife_interval(subsets: "Subsets", seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval (low, high) of the distance of n features, n >= 40; groups are drawn by the seed."""
    group = np.random.default_rng(seed).permutation(len(subsets.features)) % GROUPS
    kept = [np.flatnonzero(group != left_out) for left_out in range(GROUPS)]
    values = np.array([subsets.distance(chosen).value for chosen in kept])
    variance = (GROUPS - 1) / GROUPS * np.square(values - values.mean()).sum()
    half = quantile(GROUPS - 1) * variance**0.5
    value = subsets.whole.value
    return float(value - half), float(value + half)
