"""The Frechet distance of infinitely many images, by extrapolation (Chong and Forsyth, CVPR 2020).

The distance of n generated images is biased upwards by about a/n; a line through distances of seeded subsets,
over 1/n, meets n = infinity at the intercept.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.metrics.frechet import Reference

POINTS = 15
SMALLEST_PART = 0.1  # the smallest subset, of all images; the paper's 5,000 of 50,000


@dataclass(frozen=True)
class Extrapolation:
    """value: the intercept; slope: a; sizes and distances: the points of the fit."""

    value: float
    slope: float
    sizes: list[int]
    distances: list[float]


def fid_infinity(features: Tensor, reference: Reference, seed: int = 0) -> Extrapolation:
    """Return the extrapolation for features (n,d), n >= 20, against a reference."""
    n = len(features)
    sizes = [int(size) for size in np.linspace(max(SMALLEST_PART * n, 2), n, POINTS)]
    random = np.random.default_rng(seed)
    distances = []
    for size in sizes:
        chosen = torch.from_numpy(random.choice(n, size, replace=False))
        distances.append(reference.distance(features[chosen]).value)
    slope, intercept = np.polyfit(1 / np.array(sizes), distances, 1)
    return Extrapolation(float(intercept), float(slope), sizes, distances)
