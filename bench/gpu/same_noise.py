"""The same random numbers on every device, so that one can be compared with another."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


@contextmanager
def same_noise() -> Iterator[None]:
    """Inside, what a training draws from a device's generator is drawn on the CPU, with the same seed, and sent there.

    The generators of two kinds of device give other numbers for the same seed. torch's two functions are replaced for
    the block; a mode of torch's for that would come into the compiler's way.
    """
    randint, randn, twins = torch.randint, torch.randn, Twins()
    torch.randint, torch.randn = drawn_on_cpu(randint, twins), drawn_on_cpu(randn, twins)
    try:
        yield
    finally:
        torch.randint, torch.randn = randint, randn


class Twins:
    """The CPU's twin of each generator, with its seed; both of torch's functions draw from it in turn."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[torch.Generator, torch.Generator]] = {}  # each kept, so that no id comes again

    def of(self, generator: torch.Generator) -> torch.Generator:
        """Return the twin of a generator."""
        if id(generator) not in self._known:
            self._known[id(generator)] = generator, torch.Generator().manual_seed(generator.initial_seed())
        return self._known[id(generator)][1]


def drawn_on_cpu(draw: Callable[..., Tensor], twins: Twins) -> Callable[..., Tensor]:
    """Return a function of torch's that draws from the twin of the generator it is given."""

    def drawn(*args: Any, **given: Any) -> Tensor:
        generator = given.get("generator")
        if generator is None or generator.device.type == "cpu":
            return draw(*args, **given)
        return draw(*args, **given | {"generator": twins.of(generator), "device": "cpu"}).to(generator.device)

    return drawn
