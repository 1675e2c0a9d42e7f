"""DPM-Solver++(2M) (Lu et al. 2022, arXiv 2211.01095, algorithm 2) on the teacher: the alternative to distilling.

With lambda = log(alpha / sigma), h = lambda_s - lambda_t and the data predictions x0 at the last two indices,

    D = (1 + 1 / 2r) x0_t - (1 / 2r) x0_previous,   r = h_previous / h
    x_s = (sigma_s / sigma_t) x_t - alpha_s (exp(-h) - 1) D

The first step is first order (D = x0_t), and so is the last one before the clean image, as the paper advises for
few steps. The clean image is x0 of the last index, as everywhere in this suite.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from baselines.settings import DPMSolverSettings
from sfddm.denoiser import Denoiser, per_image
from sfddm.method import Method
from sfddm.noise import ImageNoise
from sfddm.sampler import clip_rule, steps_down


@torch.no_grad()
def dpm_solver(denoiser: Denoiser, noise: ImageNoise, clip: bool = True) -> Tensor:
    """Return images, float (N,C,H,W), by DPM-Solver++(2M) over all the denoiser's indices."""
    x = noise.draw()
    alpha, sigma = denoiser.alpha_bar.sqrt(), (1 - denoiser.alpha_bar).sqrt()
    log_snr = torch.log(alpha / sigma)
    previous: Tensor | None = None
    for t, index in steps_down(denoiser):
        x0 = denoiser(x, index, clip).x0
        if t == 0:
            return x0
        h = log_snr[t - 1] - log_snr[t]
        data = x0
        if previous is not None:
            half_inverse_r = h / (2 * (log_snr[t] - log_snr[t + 1]))
            data = x0 + per_image(half_inverse_r, x) * (x0 - previous)
        keep, add = sigma[t - 1] / sigma[t], -alpha[t - 1] * torch.expm1(-h)
        x = per_image(keep, x) * x + per_image(add, x) * data
        previous = x0
    raise AssertionError("a denoiser has at least one index")


@dataclass(frozen=True)
class DPMSolverSampler:
    """`dpm_solver` with its option."""

    clip: bool = True

    def describe(self) -> dict[str, Any]:
        return {"sampler": "dpm-solver++(2m)", "clip": clip_rule(self.clip)}

    def __call__(self, denoiser: Denoiser, noise: ImageNoise) -> Tensor:
        return dpm_solver(denoiser, noise, self.clip)


class DPMSolver(Method):
    """The teacher, by a second-order solver."""

    name = "dpm-solver"
    summary = DPMSolverSettings.summary
    Settings = DPMSolverSettings
    grid_setting = "grid"

    @property
    def sampler(self) -> DPMSolverSampler:
        return DPMSolverSampler(self.settings.clip == "x0")
