"""A cell's images: sampled from the shared latents into shards by image index, and read back.

A network call always holds the same number of images, those of one unit: k belongs to unit k // size, at place
k % size, and the last unit is filled up with the images that would come next. A convolution rounds differently for
another batch size (seen on the CPU: 8 of 196,608 uint8 values differ between batches of 1 and 64), so that image k
is the same bits, on one device, for any shard size, number of images and `evaluation.batch`.
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.clock import synchronise
from bench.files import file_sha256, write_json
from bench.stages import Store
from sfddm.files import writing
from sfddm.method import Method
from sfddm.noise import ImageNoise
from sfddm.sampler import to_uint8

SAMPLES = "samples.npy"
LARGEST_UNIT = 64
UNIT_PIXELS = 2**16  # of all images of a unit: 64 images of 32x32, 16 of 64x64, 4 of 128x128
GPU_FACTOR = 8  # a GPU is busy with so many times more
SHARD_UNITS = 4


@dataclass(frozen=True)
class Shard:
    """What a finished shard cost. calls: of the network."""

    sha256: str
    units: int
    calls: int
    seconds: float


def unit_size(shape: tuple[int, int, int], device: str = "cpu") -> int:
    """Return how many images of a shape (C,H,W) a network call on a device holds."""
    unit = max(1, min(LARGEST_UNIT, UNIT_PIXELS // (shape[1] * shape[2])))
    return unit * GPU_FACTOR if device.startswith("cuda") else unit


def read_samples(folder: Path) -> np.ndarray:
    """Return the images of a samples stage's folder, uint8 (N,C,H,W), memory-mapped."""
    return np.load(folder / SAMPLES, mmap_mode="c", allow_pickle=False)  # writable to PyTorch, never on the disk


class ShardSampler:
    """Samples units of images on a device, counting network calls and time.

    The clock runs from latents to uint8 images on the device, synchronised, after a warm-up of one unit's shape.
    """

    def __init__(self, method: Method, denoiser: Any, steps: int, seed: int, shape: tuple[int, int, int], device: str):
        self.method, self.denoiser, self.steps, self.seed, self.shape = method, denoiser, steps, seed, shape
        self.device, self.size = device, unit_size(shape, device)
        self.calls, self.seconds = 0, 0.0
        with torch.inference_mode():
            denoiser.network(self.noise(0).draw(), denoiser.time_input[:1])  # as a sampler calls it: compiled for that

    def noise(self, start: int) -> ImageNoise:
        """Return the noise of the unit that starts at an image."""
        return ImageNoise(self.seed, range(start, start + self.size), self.shape, self.device)

    def unit(self, start: int) -> np.ndarray:
        """Return the images of one unit, uint8."""
        noise = self.noise(start)
        synchronise(self.device)
        started = time.perf_counter()
        images = to_uint8(self.method.sample(self.denoiser, self.steps, noise))
        synchronise(self.device)
        self.seconds += time.perf_counter() - started
        return images.cpu().numpy()

    def shard(self, path: Path, start: int, stop: int) -> Shard:
        """Write images start..stop-1 as one file, their bytes in C order; return what they cost."""
        self.calls, self.seconds = 0, 0.0
        hook = self.denoiser.network.register_forward_pre_hook(self._count)
        starts = range(start, stop, self.size)
        try:
            pixels = np.concatenate([self.unit(first) for first in starts])[: stop - start]
        finally:
            hook.remove()
        with writing(path) as file:
            file.write(np.ascontiguousarray(pixels).data)
        return Shard(file_sha256(path), len(starts), self.calls, self.seconds)

    def _count(self, *_: Any) -> None:
        self.calls += 1


def sample_in_stage(folder: Path, store: Store, label: str, method: Method, denoiser: Any, steps: int, seed: int, count: int,
                    shape: tuple[int, int, int], shard_units: int = SHARD_UNITS) -> None:  # fmt: skip
    """Write images 0..count-1 under a seed, and what they cost, going on from the shards that are there.

    NFE is counted, not assumed. Time adds up over shards, whichever process made them.
    """
    length = shard_units * unit_size(shape, store.device)
    bounds = [(start, min(start + length, count)) for start in range(0, count, length)]
    shards: list[tuple[Path, Shard]] = []
    sampler: ShardSampler | None = None
    with store.display.task(label, count, "images") as update:
        for start, stop in bounds:
            path = folder / f"resume-{start:07}-{stop:07}.shard"
            shard = finished_shard(path, store)
            if shard is None:
                sampler = sampler or ShardSampler(method, denoiser, steps, seed, shape, store.device)
                shard = sampler.shard(path, start, stop)
                write_json(path.with_suffix(".json"), asdict(shard))
            shards.append((path, shard))
            update(stop, "")
    join(folder / SAMPLES, [path for path, _ in shards], (count, *shape))
    write_json(folder / "cost.json", cost([shard for _, shard in shards], count))


def finished_shard(path: Path, store: Store) -> Shard | None:
    """Return what a shard on disk cost; None where it is not there, or, with a line that names it, damaged."""
    about = path.with_suffix(".json")
    if not about.exists():
        return None
    try:
        shard = Shard(**json.loads(about.read_text()))
        whole = file_sha256(path) == shard.sha256
    except (OSError, ValueError, TypeError):
        whole = False
    if not whole:
        store.display.say(f"{path}: not what was written (its sha256 differs); sampling it again")
        about.unlink()
        return None
    store.log(path.parent, f"goes on with {path.name}")
    return shard


def join(path: Path, parts: list[Path], shape: tuple[int, ...]) -> None:
    """Write the bytes of shards, one after the other, as one uint8 .npy file."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with writing(path) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for part in parts:
            file.write(part.read_bytes())


def cost(shards: list[Shard], count: int) -> dict[str, Any]:
    """Return what all images cost together."""
    seconds, units = sum(shard.seconds for shard in shards), sum(shard.units for shard in shards)
    nfe, left = divmod(sum(shard.calls for shard in shards), units)
    assert left == 0, "every unit takes the same number of network calls"
    return {
        "nfe": nfe,
        "wall_seconds": seconds,
        "images_per_second": count / seconds,
    }
