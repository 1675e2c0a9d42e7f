"""The one sampling loop: images from latents, in shards by image index, resumed and shared between processes.

A network call always holds the images of one unit (`sfddm.units`), so that image k is the same bits, on one device with
memory for a unit, for any shard size, number of images and `evaluation.batch`.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field, TypeAdapter
from torch import Tensor

from bench.records.measured import SAMPLES
from bench.store.files import file_sha256, read_text, wait_until_there, write_json
from bench.store.layout import RESUME
from bench.store.progress import Update
from bench.store.stage import Job
from bench.store.timing import synchronise
from sfddm.denoiser import Denoiser
from sfddm.files import remove, writing
from sfddm.noise import ImageNoise
from sfddm.performance import Fast
from sfddm.sampler import to_uint8
from sfddm.units import largest_that_fits, unit_size

SHARD_UNITS = 4


@dataclass(frozen=True)
class Task:
    """What is sampled: images 0..count-1 of a shape (C,H,W).

    sample: images, float (N,C,H,W), from their noise, by calls of the denoiser's network. noise: that of the images in
    a range, which may reach beyond `count` by less than a unit.
    """

    label: str
    denoiser: Denoiser
    sample: Callable[[ImageNoise], Tensor]
    noise: Callable[[range], ImageNoise]
    shape: tuple[int, int, int]
    count: int


@dataclass(frozen=True)
class Shard:
    """What a finished shard cost. calls: of the network, as many for each unit."""

    sha256: str
    units: Annotated[int, Field(gt=0)]
    calls: Annotated[int, Field(ge=0)]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]


def read_samples(path: Path) -> np.ndarray:
    """Return the images of a samples file, uint8 (N,C,H,W), memory-mapped."""
    return np.load(path, mmap_mode="c", allow_pickle=False)  # writable to PyTorch, never on the disk


class ShardSampler:
    """Samples units of images on a device, counting network calls and time.

    The clock runs from latents to uint8 images on the device, synchronised, after a warm-up of one unit's shape. If a
    unit does not fit into the device's free memory, units are halved until one does.
    """

    def __init__(self, task: Task, device: str):
        self.task, self.device = task, device
        self.calls, self.seconds = 0, 0.0
        largest_that_fits(unit_size(task.shape, device), self._warm_up)
        self.seconds = 0.0

    @torch.no_grad()
    def _warm_up(self, size: int) -> None:
        """Sample a unit of a size that is thrown away, so that nothing is compiled inside the clock.

        Where nothing is compiled and memory is the CPU's, one network call warms up as well.
        """
        self.size, denoiser = size, self.task.denoiser
        if self.device.startswith("cuda") or isinstance(denoiser.network, Fast):
            self.unit(0)
        else:
            denoiser.network(self.noise(0).draw(), denoiser.time_input[:1])

    def noise(self, start: int) -> ImageNoise:
        """Return the noise of the unit that starts at an image."""
        return self.task.noise(range(start, start + self.size))

    def unit(self, start: int) -> np.ndarray:
        """Return the images of one unit, uint8."""
        noise = self.noise(start)
        synchronise(self.device)
        started = time.perf_counter()
        images = to_uint8(self.task.sample(noise))
        synchronise(self.device)
        self.seconds += time.perf_counter() - started
        return images.cpu().numpy()

    def shard(self, images: range) -> tuple[np.ndarray, Shard]:
        """Return consecutive images, uint8 (N,C,H,W), and what they cost."""
        self.calls, self.seconds = 0, 0.0
        hook = self.task.denoiser.network.register_forward_pre_hook(self._count)
        starts = images[:: self.size]
        try:
            pixels = np.ascontiguousarray(np.concatenate([self.unit(start) for start in starts])[: len(images)])
        finally:
            hook.remove()
        return pixels, Shard(hashlib.sha256(pixels.data).hexdigest(), len(starts), self.calls, self.seconds)

    def _count(self, *_: Any) -> None:
        self.calls += 1


def sample_in_shards(job: Job, task: Task, name: str = SAMPLES, shard_units: int = SHARD_UNITS) -> dict[str, Any]:
    """Write a task's images into a file of the job's folder, resuming from the shards there; return what they cost.

    The missing shards are dealt out to the processes of a world; the first joins them, and the others return an empty
    cost. NFE is counted, not assumed. Time adds up over shards, whichever process made them.
    """
    world = job.world
    length = shard_units * unit_size(task.shape, job.device)
    shards = [range(start, min(start + length, task.count)) for start in range(0, task.count, length)]
    missing = world.broadcast([shard for shard in shards if not is_whole(job, shard)] if world.is_main else [])
    if own := world.shard(missing):
        sampler = ShardSampler(task, job.device)
        with job.display.task(task.label, sum(map(len, own)), "images") as update:
            sample_shards(sampler, own, job.folder, update)
    world.wait()
    if not world.is_main:
        return {}
    paths = [shard_path(job.folder, shard) for shard in shards]
    wait_until_there(path.with_suffix(".json") for path in paths)
    join(job.folder / name, paths, (task.count, *task.shape))
    return total_cost([read_shard(path) for path in paths], task.count)


def sample_shards(sampler: ShardSampler, shards: Sequence[range], folder: Path, update: Update) -> None:
    """Sample shards into files, each of which is written while the next is sampled."""
    done = 0
    with ThreadPoolExecutor(1) as writer:  # ends with what it writes, also at Ctrl-C
        written: Future[None] | None = None
        for images in shards:
            pixels, shard = sampler.shard(images)
            if written is not None:
                written.result()
            written = writer.submit(write_shard, shard_path(folder, images), pixels, shard)
            done += len(images)
            update(done)
        if written is not None:
            written.result()


def shard_path(folder: Path, images: range) -> Path:
    """Return the file of a shard in a stage's folder; what it cost is beside it, as JSON."""
    return folder / f"{RESUME}-{images.start:07}-{images.stop:07}.shard"


def write_shard(path: Path, pixels: np.ndarray, shard: Shard) -> None:
    """Write a shard, its bytes in C order, and then what it cost."""
    with writing(path) as file:
        file.write(pixels.data)
    write_json(path.with_suffix(".json"), asdict(shard))


def read_shard(path: Path) -> Shard:
    """Return what a shard cost. Raises OSError; ValueError or InputError if its file does not say it."""
    shard = TypeAdapter(Shard).validate_json(read_text(path.with_suffix(".json")), strict=True)
    if shard.calls % shard.units:
        raise ValueError(f"{shard.calls} calls for {shard.units} units")
    return shard


def is_whole(job: Job, images: range) -> bool:
    """Tell whether a shard is on the disk; one that is damaged is named in a line, and not whole."""
    path = shard_path(job.folder, images)
    about = path.with_suffix(".json")
    if not about.exists():
        return False
    try:
        whole = file_sha256(path) == read_shard(path).sha256
    except (OSError, ValueError):
        whole = False
    if not whole:
        job.display.say(f"{path}: not what was written (its sha256 differs); sampling it again")
        remove(about)
        return False
    job.log(f"resumes with {path.name}")
    return True


def join(path: Path, parts: list[Path], shape: tuple[int, ...]) -> None:
    """Write the bytes of shards, one after the other, as one uint8 .npy file."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with writing(path) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for part in parts:
            file.write(part.read_bytes())


def total_cost(shards: list[Shard], count: int) -> dict[str, Any]:
    """Return what all images cost together: NFE, seconds, images per second."""
    seconds, units = sum(shard.seconds for shard in shards), sum(shard.units for shard in shards)
    nfe, left = divmod(sum(shard.calls for shard in shards), units)
    assert left == 0, "every unit takes the same number of network calls"
    return {"nfe": nfe, "wall_seconds": seconds, "images_per_second": count / seconds}
