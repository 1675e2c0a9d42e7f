"""The peak memory of a contestant's work, in a process of its own: nothing of the others is counted."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import torch

from bench.speed.contestants import SetUp, Work
from bench.store import memory
from bench.store.timing import synchronise


def peak_memory(build: Callable[[SetUp], Work], setup: SetUp) -> int | None:
    """Return the peak bytes of two units of work: allocated on the GPU, or resident on the CPU (None where unknown)."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_peak, build, setup, torch.get_num_threads()).result()


def _peak(build: Callable[[SetUp], Work], setup: SetUp, threads: int) -> int | None:
    torch.set_num_threads(threads)
    work = build(setup)
    on_gpu = setup.device.startswith("cuda")
    known = on_gpu or memory.reset_peak_rss()
    work.call(2)
    synchronise(setup.device)
    if on_gpu:
        return torch.cuda.max_memory_allocated(setup.device)
    return memory.peak_rss_bytes() if known else None
