"""The delete-a-group jackknife of a Frechet distance: its 95 % interval, and its bias from the number of images.

The bootstrap repeats images, which shrinks the covariance's rank and shifts the distance up as fewer images would;
leaving a twentieth out hardly changes the bias and costs 20 distances. No torch.
"""

from typing import TYPE_CHECKING

import numpy as np

from bench.statistics import quantile

if TYPE_CHECKING:
    from bench.metrics.frechet import Subsets

GROUPS = 20


def jackknife_interval(subsets: "Subsets", seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval (low, high) of the distance of n features, n >= 40; groups are drawn by the seed."""
    group = np.random.default_rng(seed).permutation(len(subsets.features)) % GROUPS
    kept = [np.flatnonzero(group != left_out) for left_out in range(GROUPS)]
    values = np.array([subsets.distance(chosen).value for chosen in kept])
    variance = (GROUPS - 1) / GROUPS * np.square(values - values.mean()).sum()
    half = quantile(GROUPS - 1) * variance**0.5
    value = subsets.whole.value
    return float(value - half), float(value + half)
