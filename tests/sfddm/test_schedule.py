"""Schedules against diffusers and denoising-diffusion-pytorch."""

import numpy as np
import pytest
import torch
from denoising_diffusion_pytorch.denoising_diffusion_pytorch import cosine_beta_schedule, sigmoid_beta_schedule
from diffusers import DDPMScheduler

from sfddm.schedule import alpha_bar_table

FLOAT32_TABLE = 1e-6  # diffusers computes its table in float32
FLOAT32_ENDS = 1e-7  # denoising-diffusion-pytorch rounds the sigmoid's two end points to float32


@pytest.mark.parametrize("timesteps", [128, 1000, 1024])
def test_sigmoid_equals_denoising_diffusion_pytorch(timesteps: int) -> None:
    expected = torch.cumprod(1 - sigmoid_beta_schedule(timesteps).double(), 0)
    np.testing.assert_allclose(alpha_bar_table("sigmoid", timesteps), expected, rtol=0, atol=FLOAT32_ENDS)


def test_cosine_equals_denoising_diffusion_pytorch() -> None:
    expected = torch.cumprod(1 - cosine_beta_schedule(1000).double(), 0)
    np.testing.assert_allclose(alpha_bar_table("cosine", 1000), expected, rtol=1e-9, atol=0)


def test_linear_equals_diffusers() -> None:
    expected = DDPMScheduler(num_train_timesteps=1000).alphas_cumprod.double()
    np.testing.assert_allclose(alpha_bar_table("linear", 1000), expected, rtol=0, atol=FLOAT32_TABLE)


@pytest.mark.parametrize("name", ["sigmoid", "linear", "cosine"])
def test_table_is_float64_and_strictly_decreasing(name: str) -> None:
    table = alpha_bar_table(name, 1024)
    assert table.dtype == np.float64
    assert (np.diff(table) < 0).all()
    assert 0 < table[-1] < table[0] < 1
