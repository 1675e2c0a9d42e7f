"""Every random number of the suite, as a function of what it is for.

Image k under seed s draws from a Philox stream keyed by (s, k) alone, on the CPU: the same for every method, batch
size, shard and number of devices. Training draws from a generator seeded by (seed, iteration), so that training can
stop anywhere and resume with the same numbers.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class ImageNoise:
    """Standard normal noise for the images `indices` under `seed`; each `draw` takes the next of each image's stream.

    The first draw is the latents; the later ones are the noise of a stochastic sampler. Given latents, float32
    (len(indices), C, H, W), replace the first draw and change no later one.
    """

    def __init__(
        self,
        seed: int,
        indices: Sequence[int],
        shape: tuple[int, int, int],
        device: torch.device | str = "cpu",
        latents: Tensor | None = None,
    ):
        self.shape, self.device = shape, device
        self.streams = [np.random.Generator(np.random.Philox(key=[seed, k])) for k in indices]
        own = self._next()  # drawn here, so that timing a sampler does not include it
        self.latents: Tensor | None = own if latents is None else latents.to(device)

    def _next(self) -> Tensor:
        noise = np.stack([stream.standard_normal(self.shape, dtype=np.float32) for stream in self.streams])
        return torch.from_numpy(noise).to(self.device)

    def draw(self) -> Tensor:
        """Return float32 noise of shape (len(indices), C, H, W): the latents first."""
        first, self.latents = self.latents, None
        return self._next() if first is None else first


def latents(seed: int, indices: Sequence[int], shape: tuple[int, int, int]) -> Tensor:
    """Return the latents of images `indices` under `seed`: float32 (len(indices), C, H, W) on the CPU."""
    return ImageNoise(seed, indices, shape).draw()


class BatchGenerator(torch.Generator):
    """The generator of one iteration for a part of its batch: images `images` of `batch`.

    When processes share a batch, or it is done in parts one after another, each part draws the noise of the whole batch
    from the same seed and keeps its own (see `draw_index_and_eps`). So the way it is divided changes no number.
    """

    images: range
    batch: int


def part_generator(
    seed: int, iteration: int, images: range, batch: int, device: torch.device | str = "cpu"
) -> BatchGenerator:
    """Return the generator of one iteration for images `images` of its batch."""
    generator = BatchGenerator(device)
    generator.images, generator.batch = images, batch
    generator.manual_seed(training_generator(seed, iteration).initial_seed())
    return generator


def training_generator(seed: int, iteration: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return the generator of one training iteration, a function of (seed, iteration) alone."""
    state = np.random.SeedSequence([seed, iteration]).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state >> np.uint64(1)))
