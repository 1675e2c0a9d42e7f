"""Feature extractors: from images to what the metrics compare."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, Protocol

import torch
from torch import Tensor

INCEPTION = "inception"
OWN_CLASSIFIER = "-cnn"  # how the name of a dataset's own feature space ends

Resize = Literal["clean", "legacy_tensorflow"]


class FeatureExtractor(Protocol):
    """A named feature space: uint8 (N,C,H,W) -> features (N,d) and class probabilities (N,k), float32 on the CPU.

    name: of the space, of which network and resize are the parts.
    """

    @property
    def name(self) -> str: ...

    @property
    def network_name(self) -> str: ...

    @property
    def resize(self) -> str: ...

    @property
    def weights_sha256(self) -> str: ...

    def __call__(self, pixels: Tensor) -> tuple[Tensor, Tensor]: ...


def extract(extractor: FeatureExtractor, pixels: Tensor, batch: int,
            report: Callable[[int], None] = lambda done: None) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return the features (N,d) and probabilities (N,k) of uint8 images (N,C,H,W), a batch at a time."""
    features, probabilities = [], []
    for start in range(0, len(pixels), batch):
        one, other = extractor(pixels[start : start + batch])
        features.append(one)
        probabilities.append(other)
        report(start + len(one))
    return torch.cat(features), torch.cat(probabilities)


@contextmanager
def exact_float32() -> Iterator[None]:
    """Turn TF32 off: features, and with them every distance, depend on it."""
    matmul, cudnn = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = matmul, cudnn
