"""Points of grids of which each iteration draws some: computed where they are drawn, for a table would wait for a GPU.

i counts from the clean end. CLEAN is the index of the clean image.
"""

import numpy as np
import torch
from torch import Tensor

from sfddm.targets import signal_to_noise

SIGMA_MIN, SIGMA_MAX, RHO = 0.002, 80.0, 7.0  # of sigma / alpha (Karras et al. 2022, table 1)


def trailing_point(i: Tensor, points: int, timesteps: int) -> Tensor:
    """Return the i-th index, long, of the trailing grid of so many points: CLEAN for -1, T-1 for points - 1."""
    return (2 * (i + 1) * timesteps + points) // (2 * points) - 1


def noise_levels(alpha_bar: Tensor) -> Tensor:
    """Return sigma / alpha (n,), float64, of alpha_bar (n,)."""
    return signal_to_noise(alpha_bar).rsqrt()


def nearest_index(level: Tensor, levels: Tensor) -> Tensor:
    """Return the index, long, whose sigma / alpha is nearest in its logarithm; CLEAN has SIGMA_MIN, and so has 0."""
    known = torch.cat([levels.new_full((1,), SIGMA_MIN), levels])
    between = (known[:-1] * known[1:]).sqrt()
    return torch.searchsorted(between, level.to(levels).clamp(min=0)) - 1


def karras_point(i: Tensor, points: int, levels: Tensor) -> Tensor:
    """Return the index, long, nearest to the i-th of so many levels; CLEAN for 0 (Karras et al. 2022, equation 5)."""
    low, high = SIGMA_MIN ** (1 / RHO), SIGMA_MAX ** (1 / RHO)
    return nearest_index((low + i / (points - 1) * (high - low)) ** RHO, levels)


def noisiest(alpha_bar: np.ndarray) -> int:
    """Return the largest index of a schedule whose sigma / alpha is at most SIGMA_MAX, and 0 if there is none."""
    return max(int(((1 - alpha_bar) / alpha_bar <= SIGMA_MAX**2).sum()) - 1, 0)
