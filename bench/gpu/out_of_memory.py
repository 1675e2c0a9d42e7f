"""out_of_memory: if a batch does not fit into memory, half of it is tried, and the work continues."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from bench.config.sections import CostSettings
from bench.gpu.piece import Earlier, Found, Piece, Setup
from bench.stages.sampling import ShardSampler, Task
from bench.stages.timed import search
from bench.store.timing import synchronise
from sfddm.denoiser import Denoiser
from sfddm.grids import timesteps
from sfddm.noise import ImageNoise
from sfddm.sampler import ddim
from sfddm.units import unit_size
from sfddm.words import plural

ROOM = 0.6  # of what a full unit's sampling takes
STEPS = 2
CPU_HOLDS = 20  # images, of a simulated memory
UNTIMED = 60.0  # seconds, never reached: the search ends by memory

Sample = Callable[[ImageNoise], Tensor]


def in_sampling(setup: Setup, _: Earlier) -> Found:
    """Sample a unit where there is room for less than it."""
    task = sampling_task(setup, untrained(setup, STEPS))
    full = unit_size(task.shape, setup.device)
    with little_room(setup, task, full) as limited:
        sampler = ShardSampler(limited, setup.device)
        images = sampler.shard(range(limited.count))[0]
    holds = sampler.size < full and len(images) == limited.count
    said = f"units of {plural(sampler.size, 'image')} in place of {full}, {plural(len(images), 'image')} made"
    return Found(holds, said, {"unit": sampler.size, "full": full, "images": len(images)})


def in_the_search(setup: Setup, _: Earlier) -> Found:
    """Look for the best batch where there is room for no large one."""
    task = sampling_task(setup, untrained(setup, STEPS))
    full = unit_size(task.shape, setup.device)
    with little_room(setup, task, full) as limited:

        def seconds(batch: int) -> float:
            limited.sample(limited.noise(range(batch)))
            synchronise(setup.device)
            return 1.0  # whatever the batch: images a second grow with it, and nothing but memory ends the search

        found = search(seconds, CostSettings(seconds=UNTIMED, batch=4 * full), lambda batch: True)
    holds = found.stopped == "memory" and found.batch < full and not found.lower_bound
    said = f"stopped by {found.stopped} after a batch of {found.batch}"
    return Found(holds, said, {"batch": found.batch, "stopped": found.stopped})


def untrained(setup: Setup, steps: int) -> Denoiser:
    """Return a denoiser of so many steps with an untrained network of CIFAR-10."""
    spec = setup.cifar10().teacher_spec()
    whole = spec.denoiser(spec.fresh_network(0).eval()).to(setup.device)
    return whole.respaced(timesteps("trailing", spec.timesteps, steps))


def sampling_task(setup: Setup, denoiser: Denoiser) -> Task:
    """Return the task of sampling two units and a bit by DDIM."""
    config = setup.cifar10()
    shape = (config.network.channels, config.resolution, config.resolution)
    return Task(
        label="sampling",
        denoiser=denoiser,
        sample=lambda noise: ddim(denoiser, noise),
        noise=lambda images: ImageNoise(0, images, shape, setup.device),
        shape=shape,
        count=2 * unit_size(shape, setup.device) + 1,
    )


@contextmanager
def little_room(setup: Setup, task: Task, full: int) -> Iterator[Task]:
    """Yield the task in memory that does not hold `full` images of it: on CUDA the process's is limited."""
    if not setup.cuda:
        yield simulated(task)
        return
    device = torch.device(setup.device)
    task.sample(task.noise(range(1)))  # the libraries' own memory
    before = torch.cuda.memory_allocated(device)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    task.sample(task.noise(range(full)))
    torch.cuda.synchronize(device)
    needed = torch.cuda.max_memory_allocated(device) - before
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved(device) + ROOM * needed) / total, device)
    try:
        yield task
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


def simulated(task: Task) -> Task:
    """Return a task whose memory is full at more than `CPU_HOLDS` images: a CPU's process would be killed."""

    def refuse(images: int) -> None:
        if images > CPU_HOLDS:
            raise torch.OutOfMemoryError(f"{images} images do not fit")

    def sample(noise: ImageNoise) -> Tensor:
        refuse(len(noise.streams))
        return task.sample(noise)

    def noise(images: range) -> ImageNoise:
        refuse(len(images))
        return task.noise(images)

    return Task(task.label, task.denoiser, sample, noise, task.shape, task.count)


PIECE = Piece(
    "Sampling halves its units until one fits and makes all images; the search for a batch ends by memory.",
    {"sampling": in_sampling, "the search for a batch": in_the_search},
)
