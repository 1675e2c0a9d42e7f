"""A cell's images: sampled from the shared latents, a batch at a time."""

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.clock import synchronise
from bench.stages import Store
from sfddm.method import Method
from sfddm.noise import ImageNoise
from sfddm.sampler import to_uint8


def sample_images(method: Method, denoiser: Any, steps: int, seed: int, count: int, batch: int,
                  shape: tuple[int, int, int], store: Store, label: str) -> tuple[np.ndarray, dict[str, Any]]:  # fmt: skip
    """Return uint8 images 0..count-1 under a seed, and the time they took.

    The clock runs from latents to uint8 images on the device, synchronised, after a warm-up of one batch's shape.
    NFE is counted, not assumed.
    """

    def batch_of(start: int) -> tuple[Tensor, float]:
        noise = ImageNoise(seed, range(start, min(start + batch, count)), shape, store.device)
        synchronise(store.device)
        started = time.perf_counter()
        images = to_uint8(method.sample(denoiser, steps, noise))
        synchronise(store.device)
        return images, time.perf_counter() - started

    calls = 0

    def count_call(*_: Any) -> None:
        nonlocal calls
        calls += 1

    warm_up = ImageNoise(seed, range(min(batch, count)), shape, store.device)
    with torch.inference_mode():
        denoiser.network(warm_up.draw(), denoiser.time_input[:1].repeat(len(warm_up.streams)))
    hook = denoiser.network.register_forward_pre_hook(count_call)
    pixels, seconds = np.empty((count, *shape), np.uint8), 0.0
    with store.display.task(label, count, "images") as update:
        for start in range(0, count, batch):
            images, taken = batch_of(start)
            pixels[start : start + len(images)] = images.cpu().numpy()
            seconds += taken
            update(start + len(images), "")
    hook.remove()
    cost = {"nfe": calls // -(-count // batch), "wall_seconds": seconds, "images_per_second": count / seconds}
    return pixels, cost
