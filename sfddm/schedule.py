"""Noise schedules: the table of alpha_bar that a diffusion model is trained on.

All arithmetic is float64 in NumPy, so a plot needs no torch; a value is cast to float32 once, when it meets an image.
"""

import math
from typing import Literal

import numpy as np

ScheduleName = Literal["sigmoid", "linear", "cosine"]

MAX_BETA = 0.999


def alpha_bar_table(name: ScheduleName, timesteps: int) -> np.ndarray:
    """Return alpha_bar, float64 of shape (timesteps,), strictly decreasing in (0, 1).

    - `sigmoid`: start -3, end 3, tau 1 (Jabri, Fleet, Chen 2022); the SFDDM authors' schedule.
    - `linear`: beta from 1e-4 to 0.02 at T = 1000, scaled by 1000 / T (Ho et al. 2020, section 4).
    - `cosine`: s = 0.008 (Nichol and Dhariwal 2021, equation 17).

    Every beta is at most 0.999.
    """
    if name == "linear":
        scale = 1000 / timesteps
        betas = np.linspace(1e-4 * scale, 0.02 * scale, timesteps)
    else:
        time = np.linspace(0, 1, timesteps + 1)
        if name == "sigmoid":
            start, end = sigmoid(np.array([-3.0, 3.0]))
            curve = (end - sigmoid(6 * time - 3)) / (end - start)
        else:
            curve = np.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2
            curve = curve / curve[0]
        betas = 1 - curve[1:] / curve[:-1]
    return np.cumprod(1 - np.minimum(betas, MAX_BETA))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)), same shape and dtype."""
    return 1 / (1 + np.exp(-x))
