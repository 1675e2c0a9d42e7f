"""random-cnn: the features of a fixed network that was never trained, for smoke runs and images without labels.

Untrained features tell images of one distribution from those of another, but how far apart they say two sets are means
little (Naeem et al. 2020 use such features for images unlike those that Inception was trained on). So its distance is
an FD of its own, beside nothing else, and a published number is never to be compared with it.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from bench.metrics.declared import RANDOM
from bench.metrics.features import exact_float32
from sfddm.sampler import from_uint8

SEED = 2026  # of the weights, for ever
WIDTHS = (32, 64, 64)  # of the convolutions; the last is the number of features


@dataclass(frozen=True)
class RandomFeatures:
    """The network as a feature extractor: uint8 (N,C,H,W) -> features (N,64), without probabilities, on the CPU."""

    network: nn.Sequential
    weights_sha256: str
    name: str = RANDOM
    network_name: str = RANDOM
    resize: str = "none"

    @torch.inference_mode()
    def __call__(self, pixels: Tensor) -> tuple[Tensor, None]:
        device = next(self.network.parameters()).device
        with exact_float32():
            maps = self.network(from_uint8(pixels.to(device)))
        return maps.mean((2, 3)).cpu(), None


def random_features(channels: int, device: str = "cpu") -> RandomFeatures:
    """Return the network for images of so many channels: the same weights on every machine and in every version."""
    generator, seen = np.random.Generator(np.random.Philox(key=[SEED, channels])), hashlib.sha256()
    layers: list[nn.Module] = []
    before = channels
    for width in WIDTHS:
        weights = generator.standard_normal((width, before, 3, 3), dtype=np.float32)
        weights *= np.float32((2 / (9 * before)) ** 0.5)  # keeps the variance through a ReLU (He et al. 2015)
        seen.update(weights.data)
        layer = nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False)
        layer.weight = nn.Parameter(torch.from_numpy(weights), requires_grad=False)
        layers += [layer, nn.ReLU()]
        before = width
    return RandomFeatures(nn.Sequential(*layers).to(device).eval(), seen.hexdigest())


@dataclass(frozen=True)
class PixelFeatures:
    """The pixels themselves: uint8 (N,C,H,W) -> float32 (N,CHW) in [-1, 1], for what needs no network."""

    name: str = "pixels"
    network_name: str = "none"
    resize: str = "none"
    weights_sha256: str = "none"

    def __call__(self, pixels: Tensor) -> tuple[Tensor, None]:
        return from_uint8(pixels).flatten(1), None
