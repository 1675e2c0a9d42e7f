"""What a loss is told in a training, for tests that call one by itself."""

from torch import nn

from sfddm.noise import BatchGenerator, part_generator
from sfddm.training import Moment


def draws(seed: int, iteration: int, images: int) -> BatchGenerator:
    """Return the generator of a whole batch in an iteration."""
    return part_generator(seed, iteration, range(images), images)


def moment(seed: int, iteration: int, images: int, target: nn.Module | None = None, total: int = 1) -> Moment:
    """Return the moment of a whole batch in an iteration; target: what a bootstrap asks."""
    return Moment(draws(seed, iteration, images), target or nn.Identity(), iteration if total > 1 else 0, total)
