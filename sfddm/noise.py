"""Every random number of the suite, as a function of what it is for.

Image k under seed s draws from a Philox stream keyed by (s, k) alone, on the CPU: the same for every method, batch
size, shard and number of devices. Training draws from a generator seeded by (seed, iteration), so that training can
stop anywhere and resume with the same numbers.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor


class ImageNoise:
    """Standard normal noise for the images `indices` under `seed`; each `draw` takes the next of each image's stream.

    The first draw is the latents; the later ones are the noise of a stochastic sampler. Given latents, float32
    (len(indices), C, H, W), replace the first draw and change no later one. A sampler that is going to draw says so by
    `ahead` before it calls the network: the noise is then drawn while the network works, and not after it.
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
        self._thread: ThreadPoolExecutor | None = None
        self._coming: Future[Tensor] | None = None
        own = self._next()  # drawn here, so that timing a sampler does not include it
        self.latents: Tensor | None = own if latents is None else latents.to(device)

    def _next(self) -> Tensor:
        noise = np.stack([stream.standard_normal(self.shape, dtype=np.float32) for stream in self.streams])
        drawn = torch.from_numpy(noise)
        if torch.device(self.device).type == "cuda":  # a copy from pageable memory would wait for the GPU
            return drawn.pin_memory().to(self.device, non_blocking=True)
        return drawn.to(self.device)

    def ahead(self) -> None:
        """Begin in a thread what the next `draw` returns. Nothing begins twice, and the latents are there already."""
        if self.latents is None and self._coming is None:
            self._thread = self._thread or ThreadPoolExecutor(1, "noise")
            self._coming = self._thread.submit(self._next)

    def draw(self) -> Tensor:
        """Return float32 noise of shape (len(indices), C, H, W): the latents first."""
        if self.latents is not None:
            first, self.latents = self.latents, None
            return first
        coming, self._coming = self._coming, None
        return self._next() if coming is None else coming.result()


def latents(seed: int, indices: Sequence[int], shape: tuple[int, int, int]) -> Tensor:
    """Return the latents of images `indices` under `seed`: float32 (len(indices), C, H, W) on the CPU."""
    return ImageNoise(seed, indices, shape).draw()


class BatchGenerator(torch.Generator):
    """The generator of one iteration for a part of its batch: images `images` of `batch`.

    When processes share a batch, or it is done in parts one after another, each part draws the noise of the whole batch
    from the same seed and keeps its own. So the way it is divided changes no number.
    """

    images: range
    batch: int

    def places(self) -> Tensor:
        """Return the places in the batch of the part's images, (N,) long."""
        return torch.arange(self.images.start, self.images.stop, device=self.device)

    def uniform(self) -> Tensor:
        """Return a number of [0, 1), float32, for each image of the part, (N,)."""
        return torch.rand(self.batch, generator=self, device=self.device)[self.images.start : self.images.stop]

    def normal(self, shape: Sequence[int] = ()) -> Tensor:
        """Return standard normal float32 numbers, a tensor of the given shape for each image of the part, (N,...)."""
        drawn = torch.randn((self.batch, *shape), generator=self, device=self.device)
        return drawn[self.images.start : self.images.stop]

    def below(self, n: int) -> Tensor:
        """Return a whole number of 0..n-1, long, for each image of the part, (N,)."""
        drawn = torch.randint(n, (self.batch,), generator=self, device=self.device)
        return drawn[self.images.start : self.images.stop]


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
