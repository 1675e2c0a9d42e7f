"""A cell's images: sampled from the shared latents, a batch at a time."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.machine import peak_rss_bytes, reset_peak_rss
from bench.stages import Store
from sfddm.method import Method
from sfddm.noise import ImageNoise
from sfddm.sampler import to_uint8


def read_samples(folder: Path) -> np.ndarray:
    """Return the images of a done samples stage, uint8 (N,C,H,W), memory-mapped."""
    return np.load(folder / "samples.npy", mmap_mode="c")


def sample_images(method: Method, denoiser: Any, steps: int, seed: int, count: int, batch: int,
                  shape: tuple[int, int, int], store: Store, label: str) -> tuple[np.ndarray, dict[str, Any]]:  # fmt: skip
    """Return uint8 images 0..count-1 under a seed, and what they cost.

    The clock runs from latents to uint8 images on the device, synchronised, after a warm-up of one batch's shape.
    NFE is counted, not assumed.
    """
    cuda = store.device.startswith("cuda")

    def batch_of(start: int) -> tuple[Tensor, float]:
        noise = ImageNoise(seed, range(start, min(start + batch, count)), shape, store.device)
        if cuda:
            torch.cuda.synchronize()
        started = time.perf_counter()
        images = to_uint8(method.sample(denoiser, steps, noise))
        if cuda:
            torch.cuda.synchronize()
        return images, time.perf_counter() - started

    calls = 0

    def count_call(*_: Any) -> None:
        nonlocal calls
        calls += 1

    warm_up = ImageNoise(seed, range(min(batch, count)), shape, store.device)
    with torch.inference_mode():
        denoiser.network(warm_up.draw(), denoiser.time_input[:1].repeat(len(warm_up.streams)))
    resettable = reset_peak_rss()
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    hook = denoiser.network.register_forward_pre_hook(count_call)
    pixels, seconds = np.empty((count, *shape), np.uint8), 0.0
    with store.display.task(label, count, "images") as update:
        for start in range(0, count, batch):
            images, taken = batch_of(start)
            pixels[start : start + len(images)] = images.cpu().numpy()
            seconds += taken
            update(start + len(images), "")
    hook.remove()
    cost = {
        "nfe": calls // -(-count // batch),
        "wall_seconds": seconds,
        "images_per_second": count / seconds,
        "gpu_peak_bytes": torch.cuda.max_memory_allocated() if cuda else None,
        "rss_peak_bytes": peak_rss_bytes(),
        "rss_is_of_this_pass": resettable,
    }
    return pixels, cost
