"""Feature extractors: from images to what the metrics compare.

A network from a file is declared as an `Extractor` (`declared.py`) and here loaded.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from bench.metrics.declared import Extract, Extractor


class FeatureExtractor(Protocol):
    """A loaded feature space: uint8 (N,C,H,W) -> features (N,d) and class probabilities (N,k), float32 on the CPU.

    The probabilities are None if the network has no classes. name: of the space, of which network and resize are parts.
    """

    @property
    def name(self) -> str: ...

    @property
    def network_name(self) -> str: ...

    @property
    def resize(self) -> str: ...

    @property
    def weights_sha256(self) -> str: ...

    def __call__(self, pixels: Tensor) -> tuple[Tensor, Tensor | None]: ...


@dataclass(frozen=True)
class LoadedExtractor:
    """An extractor with its network; name: of the space, and of its network."""

    name: str
    declared: Extractor
    weights_sha256: str
    function: Extract

    @property
    def network_name(self) -> str:
        """The network, which has the space's name."""
        return self.name

    @property
    def resize(self) -> str:
        """The rule by which it resizes images."""
        return self.declared.resize

    @torch.inference_mode()
    def __call__(self, pixels: Tensor) -> tuple[Tensor, Tensor | None]:
        with exact_float32():
            features, probabilities = self.function(pixels)
        return features.float().cpu(), None if probabilities is None else probabilities.float().cpu()


def extract(
    extractor: FeatureExtractor,
    pixels: Tensor,
    batch: int,
    report: Callable[[int], None] = lambda done: None,
    empty: Callable[[tuple[int, ...]], Tensor] = torch.empty,
) -> tuple[Tensor, Tensor | None]:
    """Return the features (N,d) and probabilities (N,k) or None of uint8 images (N,C,H,W), a batch at a time.

    empty: makes what they are written into, float32 of a shape.
    """
    features = probabilities = None
    for start in range(0, len(pixels), batch):
        one, other = extractor(pixels[start : start + batch])
        features = empty((len(pixels), one.shape[1])) if features is None else features
        features[start : start + len(one)] = one
        if other is not None:
            probabilities = empty((len(pixels), other.shape[1])) if probabilities is None else probabilities
            probabilities[start : start + len(one)] = other
        report(start + len(one))
    assert features is not None
    return features, probabilities


@contextmanager
def exact_float32() -> Iterator[None]:
    """Turn TF32 off: features, and with them every distance, depend on it.

    By the one interface that `set_products` uses: torch refuses to tell the precision after two were mixed.
    """
    matmul, cudnn = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.backends.cudnn.allow_tf32 = cudnn
