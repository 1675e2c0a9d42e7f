"""Contestants of known speed and memory, in a module that a process of its own can import, and terms for small ones."""

from collections.abc import Callable

import torch
from torch import Tensor

from bench.speed.contestants import Terms, Work
from sfddm.training import TrainSettings
from sfddm.unet import UNetConfig

TINY = Terms(
    network=UNetConfig(dim=16, dim_mults=(1, 2), channels=1, heads=1, head_dim=8),
    resolution=8,
    batch=2,
    device="cpu",
    timesteps=16,
    defaults=TrainSettings(ema=0.9),
    dimension=24,
)


class Clock:
    """A clock that only `working` moves: what is measured is known to the last digit."""

    def __init__(self) -> None:
        self.now = 0.0

    def seconds_of(self, call: Callable[[], object], device: str) -> float:
        """Return the seconds of a call by this clock."""
        started = self.now
        call()
        return self.now - started

    def working(self, terms: Terms, seconds: float) -> Work:
        """Return work whose units each take so many seconds of this clock."""

        def call(count: int) -> None:
            self.now += seconds * count

        return Work(call)


def broken(terms: Terms) -> Work:
    """Fail as a package does whose SciPy is too new for it."""
    raise TypeError("sqrtm() got an unexpected keyword argument 'disp'")


def allocating(terms: Terms, size: int) -> Work:
    """Return work that holds `size` bytes for a moment."""

    def call(_: int) -> Tensor:
        return torch.ones(size // 4).sum()

    return Work(call)
