"""The denoiser: a network together with what is needed to read its output.

A teacher, a student and a respaced teacher are all the same thing: a network, what it predicts, the noise level
alpha_bar of each of its indices, and the number the network is given as time at each index. After `respaced`, every
sampler works unchanged (the idea of improved-diffusion's SpacedDiffusion).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sfddm.settings import Prediction

CLEAN_TIME = -1  # of the clean image: one before the first timestep


class Output(NamedTuple):
    """What a denoiser predicts from a noisy image: the clean image and the noise, each of the image's shape."""

    x0: Tensor
    eps: Tensor


@dataclass(frozen=True)
class Denoiser:
    """A network over n indices; index 0 is the least noisy.

    network: (x (N,C,H,W), time (N,)) -> (N,C,H,W); with return_hidden=True also its last hidden map. A sampler passes
    one time, (1,), for all images. alpha_bar: float64 (n,), decreasing. time_input: (n,), what the network is given as
    time. two_times: it is also given the time at which the step from an index ends: that of the index before it, and
    CLEAN_TIME at index 0.
    """

    network: nn.Module
    prediction: Prediction
    alpha_bar: Tensor
    time_input: Tensor
    two_times: bool = False

    def __len__(self) -> int:
        return len(self.alpha_bar)

    def respaced(self, indices: Sequence[int]) -> "Denoiser":
        """Return the same network on a sub-sequence of its indices, renumbered 0..len(indices)-1."""
        kept = torch.as_tensor(indices)
        return replace(self, alpha_bar=self.alpha_bar[kept], time_input=self.time_input[kept])

    def to(self, device: torch.device | str) -> "Denoiser":
        """Return the denoiser with its network and tables on a device."""
        return replace(
            self,
            network=self.network.to(device),
            alpha_bar=self.alpha_bar.to(device),
            time_input=self.time_input.to(device),
        )

    def raw(self, x: Tensor, index: Tensor, end: Tensor | None = None) -> Tensor:
        """Return the network's own output at index (N,) for x (N,C,H,W); end: where the step ends, if not one below."""
        return self.network(x, self.time_input[index], **self.end(index - 1 if end is None else end))

    def end(self, index: Tensor) -> dict[str, Tensor]:
        """Return what a network with two times is given for steps that end at index (N,), -1 if clean; else nothing."""
        return {"end": torch.where(index < 0, CLEAN_TIME, self.time_input[index])} if self.two_times else {}

    def raw_and_hidden(self, x: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return the network's own output and its last hidden map (N,D,H,W)."""
        return self.network(x, self.time_input[index], return_hidden=True, **self.end(index - 1))

    def __call__(self, x: Tensor, index: Tensor, clip: bool = False, end: Tensor | None = None) -> Output:
        """Return the predicted x0 and eps at index (N,); with clip, x0 in [-1, 1] and eps re-derived from it."""
        return read(self.raw(x, index, end), x, self.alpha_bar[index], self.prediction, clip)


def per_image(table_value: Tensor, like: Tensor) -> Tensor:
    """Return float64 values (N,) as (N,1,1,1) in the dtype and on the device of `like`."""
    return table_value.to(like).view(-1, *[1] * (like.ndim - 1))


def read(raw: Tensor, x: Tensor, alpha_bar: Tensor, prediction: Prediction, clip: bool = False) -> Output:
    """Return (x0, eps) from a raw prediction for noisy x at float64 alpha_bar (N,).

    v = alpha eps - sigma x0 (Salimans and Ho 2022, section 4). Clipping re-derives eps, as Google's
    progressive distillation and the SFDDM authors do.
    """
    alpha, sigma = per_image(alpha_bar.sqrt(), x), per_image((1 - alpha_bar).sqrt(), x)
    if prediction == "x0":
        x0 = raw
    elif prediction == "eps":
        x0 = (x - sigma * raw) / alpha
    else:
        x0 = alpha * x - sigma * raw
    if clip:
        x0 = x0.clamp(-1, 1)
    eps = raw if prediction == "eps" and not clip else (x - alpha * x0) / sigma
    return Output(x0, eps)


def express(output: Output, alpha_bar: Tensor, prediction: Prediction) -> Tensor:
    """Return (x0, eps) at float64 alpha_bar (N,) as the raw prediction of the named kind; inverse of `read`."""
    if prediction == "x0":
        return output.x0
    if prediction == "eps":
        return output.eps
    alpha, sigma = per_image(alpha_bar.sqrt(), output.x0), per_image((1 - alpha_bar).sqrt(), output.x0)
    return alpha * output.eps - sigma * output.x0


def q_sample(x0: Tensor, eps: Tensor, alpha_bar: Tensor) -> Tensor:
    """Return x_t = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) eps: Ho et al. 2020, equation 4; alpha_bar (N,) float64."""
    return per_image(alpha_bar.sqrt(), x0) * x0 + per_image((1 - alpha_bar).sqrt(), x0) * eps
