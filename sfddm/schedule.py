"""Noise schedules: the table of alpha_bar that a diffusion model is trained on.

All arithmetic is float64 on the CPU; a table is cast to float32 once, where it meets an image.
"""

import math
from typing import Literal

import torch
from torch import Tensor

ScheduleName = Literal["sigmoid", "linear", "cosine"]

MAX_BETA = 0.999


def alpha_bar_table(name: ScheduleName, timesteps: int) -> Tensor:
    """Return alpha_bar, float64 of shape (timesteps,), strictly decreasing in (0, 1).

    - `sigmoid`: start -3, end 3, tau 1 (Jabri, Fleet, Chen 2022); the SFDDM authors' schedule.
    - `linear`: beta from 1e-4 to 0.02 at T = 1000, scaled by 1000 / T (Ho et al. 2020, section 4).
    - `cosine`: s = 0.008 (Nichol and Dhariwal 2021, equation 17).

    Every beta is at most 0.999.
    """
    if name == "linear":
        scale = 1000 / timesteps
        betas = torch.linspace(1e-4 * scale, 0.02 * scale, timesteps, dtype=torch.float64)
    else:
        time = torch.linspace(0, 1, timesteps + 1, dtype=torch.float64)
        if name == "sigmoid":
            start, end = torch.tensor([-3.0, 3.0], dtype=torch.float64).sigmoid()
            curve = (end - (6 * time - 3).sigmoid()) / (end - start)
        else:
            curve = torch.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2
            curve = curve / curve[0]
        betas = 1 - curve[1:] / curve[:-1]
    return torch.cumprod(1 - betas.clamp(max=MAX_BETA), dim=0)


def signal_to_noise(alpha_bar: Tensor) -> Tensor:
    """Return SNR = alpha_bar / (1 - alpha_bar), same shape and dtype; infinite for a clean image."""
    return alpha_bar / (1 - alpha_bar)
