"""Feature extractors: from images to what the metrics compare."""

from typing import Literal, Protocol

import torch
from torch import Tensor

INCEPTION = "inception"
OWN_CLASSIFIER = "-cnn"  # how the name of a dataset's own feature space ends

Resize = Literal["clean", "legacy_tensorflow"]


class FeatureExtractor(Protocol):
    """A named feature space: uint8 (N,C,H,W) -> features (N,d) and class probabilities (N,k), float32 on the CPU."""

    @property
    def name(self) -> str: ...

    @property
    def weights_sha256(self) -> str: ...

    def __call__(self, pixels: Tensor) -> tuple[Tensor, Tensor]: ...


def extract(extractor: FeatureExtractor, pixels: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """Return the features (N,d) and probabilities (N,k) of uint8 images (N,C,H,W), a batch at a time."""
    parts = [extractor(part) for part in pixels.split(batch)]
    return torch.cat([features for features, _ in parts]), torch.cat([probabilities for _, probabilities in parts])
