"""The delete-a-group jackknife of a Frechet distance: its 95 % interval, and the distance less its bias.

The bootstrap repeats images, which shrinks the covariance's rank and shifts the distance up as fewer images would;
leaving a twentieth out hardly changes the bias and costs 20 distances. No torch.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.statistics import quantile

if TYPE_CHECKING:
    from bench.metrics.frechet import Subsets

GROUPS = 20


@dataclass(frozen=True)
class Jackknife:
    """low, high: the 95 % interval of the distance of n images, of their sampling alone; infinity: of ever so many.

    The distance of n images is biased upwards by about a/n, which the distances of fewer tell (Quenouille 1956): with g
    groups it is g times the distance of all less g - 1 times the mean of those without a group. The interval is not
    about that value: it is about n images.
    """

    low: float
    high: float
    infinity: float


def jackknife(subsets: "Subsets", seed: int = 0) -> Jackknife:
    """Return the jackknife of the distance of n features, n >= 40; groups are drawn by the seed."""
    group = np.random.default_rng(seed).permutation(len(subsets.features)) % GROUPS
    kept = [np.flatnonzero(group != left_out) for left_out in range(GROUPS)]
    values = np.array([subsets.distance(chosen).value for chosen in kept])
    variance = (GROUPS - 1) / GROUPS * np.square(values - values.mean()).sum()
    half = quantile(GROUPS - 1) * variance**0.5
    value = subsets.whole.value
    infinity = GROUPS * value - (GROUPS - 1) * values.mean()
    return Jackknife(float(value - half), float(value + half), float(infinity))
