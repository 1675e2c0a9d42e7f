"""Samplers: from latents to images, over every index of a denoiser from the noisiest down.

To sample on a sub-sequence, respace the denoiser first. All return x0 of the last step, float (N,C,H,W).
All images of a step share its index, so index and noise level are one row, (1,), that broadcasts over them: the
network embeds its time once, and no table is gathered image by image.

`ddim`, `ancestral` and `consistency` are functions; `DDIMSampler`, `AncestralSampler` and `ConsistencySampler` are the
same with their options chosen, and describe themselves for a record.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from sfddm.denoiser import Denoiser, Output, per_image, q_sample
from sfddm.noise import ImageNoise

Variance = Literal["small", "large"]


def steps_down(denoiser: Denoiser) -> Iterator[tuple[int, Tensor]]:
    """Yield each index of the denoiser from the noisiest down, as a number and as a row (1,) on its device."""
    rows = torch.arange(len(denoiser), device=denoiser.alpha_bar.device).split(1)
    yield from reversed(list(enumerate(rows)))


def ddim_step(
    x: Tensor,
    output: Output,
    alpha_bar_t: Tensor,
    alpha_bar_s: Tensor,
    eta: float = 0.0,
    noise: Tensor | None = None,
) -> Tensor:
    """Return x_s (N,C,H,W) from x_t and its denoised output (Song et al. 2021, equation 12).

    alpha_bar_t, alpha_bar_s: float64 (N,), or (1,) for all images. noise: of x's shape, if eta > 0.
    """
    stddev = eta * ((1 - alpha_bar_s) / (1 - alpha_bar_t) * (1 - alpha_bar_t / alpha_bar_s)).sqrt()
    direction = (1 - alpha_bar_s - stddev**2).clamp(min=0).sqrt()
    x_s = per_image(alpha_bar_s.sqrt(), x) * output.x0 + per_image(direction, x) * output.eps
    return x_s if noise is None else x_s + per_image(stddev, x) * noise


@torch.no_grad()
def ddim(denoiser: Denoiser, noise: ImageNoise, eta: float = 0.0, clip: bool = True) -> Tensor:
    """Return images by DDIM over all the denoiser's indices; eta = 0 is deterministic."""
    x = noise.draw()
    for t, index in steps_down(denoiser):
        if eta and t > 0:
            noise.ahead()
        output = denoiser(x, index, clip)
        if t == 0:
            return output.x0
        ab_s, ab_t = denoiser.alpha_bar[t - 1 : t + 1].split(1)
        x = ddim_step(x, output, ab_t, ab_s, eta, noise.draw() if eta else None)
    raise AssertionError("a denoiser has at least one index")


def ancestral(denoiser: Denoiser, noise: ImageNoise, variance: Variance = "small", clip: bool = True) -> Tensor:
    """Return images by DDPM sampling over all the denoiser's indices (Ho et al. 2020, algorithm 2).

    For a jump t -> s with beta = 1 - alpha_bar_t / alpha_bar_s, `small` is the posterior variance
    beta (1 - alpha_bar_s) / (1 - alpha_bar_t), `large` is beta. The mean is the posterior's in both.
    """

    def jump(x: Tensor, x0: Tensor, ab_t: Tensor, ab_s: Tensor) -> Tensor:
        beta = 1 - ab_t / ab_s
        mean = (
            per_image(ab_s.sqrt() * beta / (1 - ab_t), x) * x0
            + per_image((1 - beta).sqrt() * (1 - ab_s) / (1 - ab_t), x) * x
        )
        spread = beta * (1 - ab_s) / (1 - ab_t) if variance == "small" else beta
        return mean + per_image(spread.sqrt(), x) * noise.draw()

    return stochastic(denoiser, noise, clip, jump)


def consistency(denoiser: Denoiser, noise: ImageNoise, clip: bool = True) -> Tensor:
    """Return images by x0 with fresh noise at each lower index (Song et al. 2023, algorithm 1)."""
    return stochastic(denoiser, noise, clip, lambda x, x0, ab_t, ab_s: q_sample(x0, noise.draw(), ab_s))


@torch.no_grad()
def stochastic(
    denoiser: Denoiser, noise: ImageNoise, clip: bool, jump: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
) -> Tensor:
    """Return images over all indices; jump: gives x_s of (x_t, x0, alpha_bar_t, alpha_bar_s), and draws its noise."""
    x = noise.draw()
    for t, index in steps_down(denoiser):
        if t > 0:
            noise.ahead()
        x0 = denoiser(x, index, clip).x0
        if t == 0:
            return x0
        ab_s, ab_t = denoiser.alpha_bar[t - 1 : t + 1].split(1)
        x = jump(x, x0, ab_t, ab_s)
    raise AssertionError("a denoiser has at least one index")


class Sampler(Protocol):
    """Makes images, and describes what decides them besides the denoiser and the noise."""

    def describe(self) -> dict[str, Any]:
        """Return the sampler's name and options as plain values, for a record."""

    def __call__(self, denoiser: Denoiser, noise: ImageNoise) -> Tensor:
        """Return images, float (N,C,H,W), over all the denoiser's indices."""


def clip_rule(clip: bool) -> str:
    """Return a record's name for whether x0 is clipped to [-1, 1]."""
    return "x0" if clip else "none"


@dataclass(frozen=True)
class DDIMSampler:
    """`ddim` with its options."""

    eta: float = 0.0
    clip: bool = True

    def describe(self) -> dict[str, Any]:
        return {"sampler": "ddim", "eta": self.eta, "clip": clip_rule(self.clip)}

    def __call__(self, denoiser: Denoiser, noise: ImageNoise) -> Tensor:
        return ddim(denoiser, noise, self.eta, self.clip)


@dataclass(frozen=True)
class AncestralSampler:
    """`ancestral` with its options."""

    variance: Variance = "small"
    clip: bool = True

    def describe(self) -> dict[str, Any]:
        return {"sampler": "ancestral", "variance": self.variance, "clip": clip_rule(self.clip)}

    def __call__(self, denoiser: Denoiser, noise: ImageNoise) -> Tensor:
        return ancestral(denoiser, noise, self.variance, self.clip)


@dataclass(frozen=True)
class ConsistencySampler:
    """`consistency` with its option."""

    clip: bool = True

    def describe(self) -> dict[str, Any]:
        return {"sampler": "consistency", "clip": clip_rule(self.clip)}

    def __call__(self, denoiser: Denoiser, noise: ImageNoise) -> Tensor:
        return consistency(denoiser, noise, self.clip)


def to_uint8(images: Tensor) -> Tensor:
    """Return uint8 images from float images in [-1, 1]: clipped and rounded, never truncated."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def from_uint8(pixels: Tensor) -> Tensor:
    """Return float32 images in [-1, 1] from uint8 pixels."""
    return pixels.float() / 127.5 - 1
