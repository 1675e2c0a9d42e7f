"""A contestant of known memory, in a module that a process of its own can import."""

import torch
from torch import Tensor

from bench.speed.contestants import SetUp, Work


def allocating(setup: SetUp, size: int) -> Work:
    """Return work that holds `size` bytes for a moment."""

    def call(_: int) -> Tensor:
        return torch.ones(size // 4).sum()

    return Work(call)
