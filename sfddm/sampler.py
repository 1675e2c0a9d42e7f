"""Samplers: from latents to images, over every index of a denoiser from the noisiest down.

To sample on a sub-sequence, respace the denoiser first. All return x0 of the last step, float (N,C,H,W).
All images of a step share its index, so index and noise level are one row, (1,), that broadcasts over them: the
network embeds its time once, and no table is gathered an image at a time.
"""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from sfddm.denoiser import Denoiser, Output, per_image
from sfddm.noise import ImageNoise

Variance = Literal["small", "large"]


def steps_down(denoiser: Denoiser) -> Iterator[tuple[int, Tensor]]:
    """Yield each index of the denoiser from the noisiest down, as a number and as a row (1,) on its device."""
    rows = torch.arange(len(denoiser), device=denoiser.alpha_bar.device).split(1)
    yield from reversed(list(enumerate(rows)))


def ddim_step(x: Tensor, output: Output, alpha_bar_t: Tensor, alpha_bar_s: Tensor, eta: float = 0.0,
              noise: Tensor | None = None) -> Tensor:  # fmt: skip
    """Return x_s from x_t, its denoised output and float64 alpha_bar, (N,) or (1,), of both ends (Song et al. 2021, eq. 12)."""
    stddev = eta * ((1 - alpha_bar_s) / (1 - alpha_bar_t) * (1 - alpha_bar_t / alpha_bar_s)).sqrt()
    direction = (1 - alpha_bar_s - stddev**2).clamp(min=0).sqrt()
    x_s = per_image(alpha_bar_s.sqrt(), x) * output.x0 + per_image(direction, x) * output.eps
    return x_s if noise is None else x_s + per_image(stddev, x) * noise


@torch.inference_mode()
def ddim(denoiser: Denoiser, noise: ImageNoise, eta: float = 0.0, clip: bool = True) -> Tensor:
    """Return images by DDIM over all the denoiser's indices; eta = 0 is deterministic."""
    x = noise.draw()
    for t, index in steps_down(denoiser):
        output = denoiser(x, index, clip)
        if t == 0:
            return output.x0
        ab_s, ab_t = denoiser.alpha_bar[t - 1 : t + 1].split(1)
        x = ddim_step(x, output, ab_t, ab_s, eta, noise.draw() if eta else None)
    raise AssertionError("a denoiser has at least one index")


@torch.inference_mode()
def ancestral(denoiser: Denoiser, noise: ImageNoise, variance: Variance = "small", clip: bool = True) -> Tensor:
    """Return images by DDPM sampling over all the denoiser's indices (Ho et al. 2020, algorithm 2).

    For a jump t -> s with beta = 1 - alpha_bar_t / alpha_bar_s, `small` is the posterior variance
    beta (1 - alpha_bar_s) / (1 - alpha_bar_t), `large` is beta. The mean is the posterior's in both.
    """
    x = noise.draw()
    for t, index in steps_down(denoiser):
        x0 = denoiser(x, index, clip).x0
        if t == 0:
            return x0
        ab_s, ab_t = denoiser.alpha_bar[t - 1 : t + 1].split(1)
        beta = 1 - ab_t / ab_s
        mean = (
            per_image(ab_s.sqrt() * beta / (1 - ab_t), x) * x0
            + per_image((1 - beta).sqrt() * (1 - ab_s) / (1 - ab_t), x) * x
        )
        spread = beta * (1 - ab_s) / (1 - ab_t) if variance == "small" else beta
        x = mean + per_image(spread.sqrt(), x) * noise.draw()
    raise AssertionError("a denoiser has at least one index")


def to_uint8(images: Tensor) -> Tensor:
    """Return uint8 images from float images in [-1, 1]: clipped and rounded, never truncated."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def from_uint8(pixels: Tensor) -> Tensor:
    """Return float32 images in [-1, 1] from uint8 pixels."""
    return pixels.float() / 127.5 - 1
