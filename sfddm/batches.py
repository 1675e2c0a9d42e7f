"""Training batches as a function of (seed, iteration) alone, from images on the device or streamed to it."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from sfddm.sampler import from_uint8

DATA_STREAM = 1  # keeps the draws of images apart from the noise, which is drawn under (seed, iteration)


def draw_batch(pixels: Tensor, batch: int, flip: bool, seed: int, iteration: int) -> Tensor:
    """Return a batch, uint8 (batch,C,H,W), drawn with replacement from pixels (N,C,H,W), on their device.

    `flip` mirrors each image with probability one half.
    """
    random = np.random.default_rng([seed, iteration, DATA_STREAM])
    drawn = pixels[sent(torch.from_numpy(random.integers(len(pixels), size=batch)), pixels.device)]
    if not flip:
        return drawn
    mirrored = sent(torch.from_numpy(random.random(batch) < 0.5), pixels.device)
    return torch.where(mirrored.view(-1, 1, 1, 1), drawn.flip(3), drawn)


def sent(value: Tensor, device: torch.device) -> Tensor:
    """Return a tensor of the CPU on a device; a GPU takes it from pinned memory, and nobody waits for it."""
    if device.type != "cuda":
        return value.to(device)
    return value.pin_memory().to(device, non_blocking=True)


class Ahead:
    """Calls a function of the iteration one iteration ahead, in a thread, so that reading overlaps with training."""

    def __init__(self, function: Callable[[int], Tensor]):
        self.function = function
        self.pool = ThreadPoolExecutor(1)
        self.waiting: tuple[int, Future[Tensor]] | None = None

    def __call__(self, iteration: int) -> Tensor:
        held, self.waiting = self.waiting, None
        ready = held[1] if held and held[0] == iteration else self.pool.submit(self.function, iteration)
        value = ready.result()
        self.waiting = iteration + 1, self.pool.submit(self.function, iteration + 1)
        return value

    def close(self) -> None:
        """Wait for the thread and end it."""
        self.pool.shutdown(cancel_futures=True)


class Batches:
    """The x0 of an iteration: float32 (batch,C,H,W) in [-1, 1] on the device.

    Images that are not on the device, because they are too many for it, are gathered into pinned memory one iteration
    ahead.
    """

    def __init__(self, pixels: Tensor, batch: int, flip: bool, seed: int, device: torch.device | str):
        self.device = torch.device(device)
        streamed = pixels.device.type != self.device.type

        def draw(iteration: int) -> Tensor:
            drawn = draw_batch(pixels, batch, flip, seed, iteration)
            return drawn.pin_memory() if streamed else drawn

        self.draw: Callable[[int], Tensor] = Ahead(draw) if streamed else draw

    def __call__(self, iteration: int) -> Tensor:
        return from_uint8(self.draw(iteration).to(self.device, non_blocking=True))

    def close(self) -> None:
        """Stop reading ahead."""
        if isinstance(self.draw, Ahead):
            self.draw.close()
