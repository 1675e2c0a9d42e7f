"""The Frechet distance of infinitely many images, by extrapolation (Chong and Forsyth, CVPR 2020).

The distance of n generated images is biased upwards by about a/n; a line through distances of seeded subsets,
over 1/n, meets n = infinity at the intercept.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bench.metrics.frechet import Subsets

POINTS = 15
SMALLEST_PART = 0.1  # the smallest subset, of all images; the paper's 5,000 of 50,000


def subset_distances(subsets: "Subsets", seed: int = 0) -> tuple[list[int], list[float]]:
    """Return the sizes of seeded subsets of n features, n >= 20, and the distance of each: the fit's points."""
    n = len(subsets.features)
    sizes = [int(size) for size in np.linspace(max(SMALLEST_PART * n, 2), n, POINTS)]
    random = np.random.default_rng(seed)
    drawn = [random.choice(n, size, replace=False) for size in sizes]
    return sizes, [subsets.distance(chosen).value for chosen in drawn]


def fid_infinity(subsets: "Subsets", seed: int = 0) -> float:
    """Return the distance extrapolated to infinitely many images, from that of n features, n >= 20, and of subsets."""
    sizes, distances = subset_distances(subsets, seed)
    _, intercept = np.polyfit(1 / np.array(sizes), distances, 1)
    return float(intercept)
