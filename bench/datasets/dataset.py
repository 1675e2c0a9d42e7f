"""A dataset as the suite uses it: all its images at one resolution, as uint8."""

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Images:
    """pixels: uint8 (N,C,H,W), maybe memory-mapped; labels: int64 (N,) or None; sha256: of the pixels."""

    name: str
    pixels: np.ndarray
    labels: np.ndarray | None
    preprocessing: str
    sha256: str
    source: str
    lossy: bool


def pixels_sha256(pixels: np.ndarray) -> str:
    """Return the sha256 of uint8 pixels in C order, in hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
