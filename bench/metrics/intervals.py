"""An interval for a Frechet distance, from the generated images alone.

A delete-a-group jackknife: the bootstrap repeats images, which shrinks the covariance's rank and shifts the
distance upwards as fewer images would; leaving a twentieth out hardly changes the bias, and costs 20 distances.
"""

import numpy as np
import torch
from torch import Tensor

from bench.metrics.frechet import Reference
from bench.metrics.student_t import quantile

GROUPS = 20


def jackknife_interval(features: Tensor, reference: Reference, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval (low, high) of the distance of features (n,d), n >= 40; groups are drawn by the seed."""
    group = torch.from_numpy(np.random.default_rng(seed).permutation(len(features)) % GROUPS)
    values = np.array([reference.distance(features[group != left_out]).value for left_out in range(GROUPS)])
    variance = (GROUPS - 1) / GROUPS * np.square(values - values.mean()).sum()
    half = quantile(GROUPS - 1) * variance**0.5
    value = reference.distance(features).value
    return float(value - half), float(value + half)
