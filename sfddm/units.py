"""How many images a network call holds: those of one unit, always as many, so that an image is the same bits.

Image k belongs to unit k // size, at place k % size, and the last unit is filled up with the images that would come
next. A convolution rounds differently for another batch size (seen on the CPU: 8 of 196,608 uint8 values differ between
batches of 1 and 64).
"""

from collections.abc import Callable
from typing import TypeVar

import torch

LARGEST_UNIT = 64
UNIT_PIXELS = 2**16  # of all images of a unit: 64 images of 32x32, 16 of 64x64, 4 of 128x128
GPU_FACTOR = 8  # a GPU is busy with so many times more

Found = TypeVar("Found")


def unit_size(shape: tuple[int, int, int], device: str = "cpu") -> int:
    """Return how many images of a shape (C,H,W) a network call on a device holds."""
    unit = max(1, min(LARGEST_UNIT, UNIT_PIXELS // (shape[1] * shape[2])))
    return unit * GPU_FACTOR if device.startswith("cuda") else unit


def largest_that_fits(size: int, attempt: Callable[[int], Found]) -> tuple[int, Found]:
    """Return the first of size, size / 2, .., 1 that `attempt` finds memory for, and what it returned.

    Raises torch.OutOfMemoryError if there is none for a single image.
    """
    while True:
        try:
            return size, attempt(size)
        except torch.OutOfMemoryError:
            if size == 1:
                raise
        torch.cuda.empty_cache()
        size //= 2
