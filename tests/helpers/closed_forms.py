"""Closed-form denoisers for tests: the exact posterior mean of a small data set or of Gaussian data, the latter's exact
consistency map, and a smooth random function.
"""

import torch
from torch import Tensor, nn

from sfddm.denoiser import Denoiser, per_image
from sfddm.schedule import ScheduleName, alpha_bar_table


def noise_levels(schedule: ScheduleName, timesteps: int) -> Tensor:
    """Return a schedule's alpha_bar as a tensor, float64 (timesteps,)."""
    return torch.from_numpy(alpha_bar_table(schedule, timesteps))


class PosteriorMean(nn.Module):
    """E[x0 | x_t] of the uniform distribution over `points` (M,C,H,W), float64; time is the index in `alpha_bar`."""

    def __init__(self, points: Tensor, alpha_bar: Tensor):
        super().__init__()
        self.points, self.alpha_bar = points.double(), alpha_bar

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        level = self.alpha_bar[t].view(-1, 1)
        scaled = level.sqrt().unsqueeze(2) * self.points.flatten(1)
        distance = (x.double().flatten(1).unsqueeze(1) - scaled).square().sum(2)
        weights = (-distance / (2 * (1 - level))).softmax(1)
        return (weights @ self.points.flatten(1)).view_as(x).to(x)


class Smooth(nn.Module):
    """A fixed smooth function of image and time, with values of order one: a stand-in for any trained network."""

    def __init__(self, channels: int = 1):
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.kernel = torch.randn(channels, channels, 3, 3, generator=generator, dtype=torch.float64) / 3

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        mixed = nn.functional.conv2d(x, self.kernel.to(x), padding=1)
        return torch.tanh(mixed + torch.cos(t.to(x) / 100).view(-1, 1, 1, 1))


def exact_teacher(points: Tensor, timesteps: int = 1024) -> Denoiser:
    """Return the exact teacher of a small data set on the sigmoid schedule."""
    alpha_bar = noise_levels("sigmoid", timesteps)
    return Denoiser(PosteriorMean(points, alpha_bar), "x0", alpha_bar, torch.arange(timesteps))


def smooth_teacher(prediction: str = "v", timesteps: int = 1024) -> Denoiser:
    """Return a teacher that is some smooth function."""
    return Denoiser(Smooth(), prediction, noise_levels("sigmoid", timesteps), torch.arange(timesteps))


VARIANCE = 0.3  # of a pixel of Gaussian data, whose every map is linear


class Linear(nn.Module):
    """gain[t] x, for gain float64 (timesteps,)."""

    def __init__(self, gain: Tensor):
        super().__init__()
        self.gain = gain

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return per_image(self.gain[t], x) * x


def gaussian(kind: str, timesteps: int = 1024) -> Denoiser:
    """Return the teacher of Gaussian data (`teacher`) or its exact consistency map (`map`), on the sigmoid schedule."""
    alpha_bar = noise_levels("sigmoid", timesteps)
    shrunk = VARIANCE / (VARIANCE + (1 - alpha_bar) / alpha_bar)
    gain = (shrunk if kind == "teacher" else shrunk.sqrt()) / alpha_bar.sqrt()
    return Denoiser(Linear(gain), "x0", alpha_bar, torch.arange(timesteps))
