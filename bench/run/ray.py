"""The stages of a sweep on a Ray cluster: each is a task that starts once the stages it needs are done.

The run folder is on a filesystem that all nodes share. A task does its stage as a local run does, under its claim, and
into its folder; nothing but why it failed goes back. `run_sweep` then finds the stages done, and makes the records.
"""

import logging
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch

from bench.datasets.location import data_root
from bench.datasets.registry import load
from bench.run.local import WAIT_SECONDS, stages
from bench.run.sweep import Sweep
from bench.store.failures import StageFailed, reason
from bench.store.files import wait_until_there
from bench.store.lock import CLAIM
from bench.store.progress import Display
from bench.store.store import DONE, Busy, Stage, Store
from sfddm.errors import InputError
from sfddm.performance import set_products

RETRIES = 3  # of a stage whose worker or node was lost; one that fails by itself would fail again
POLL_SECONDS = 1.0
SAVE_SECONDS = 60.0  # for the workers' checkpoints after Ctrl-C

OF_THE_DRIVER = ("cost",)  # its key has the machine it is measured on, and a time is measured with nothing beside it


@dataclass(frozen=True)
class Job:
    """What every task needs to know. Images stay on the shared filesystem, where each worker opens them."""

    sweep: Sweep  # its images without pixels
    data_root: Path
    out: Path
    folder: Path  # the driver's, for paths that were given relative to it


def compute(sweep: Sweep, store: Store, address: str | None, data: Path | None) -> None:
    """Do a sweep's stages on a cluster; the store then knows the failed ones. Raises InputError for an address."""
    missing = [stage for stage in stages(sweep) if stage.kind not in OF_THE_DRIVER and not store.is_done(stage)]
    if not missing:
        return
    with store.parts.part("stages on the cluster"), cluster(address):
        job = Job(without_pixels(sweep), data_root(data).absolute(), store.root.absolute(), Path.cwd())
        do_all(missing, ray.put(job), worker_function(sweep.device, store.display), store)


@contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """Connect to the cluster at an address, or start one on this machine, while the block runs. Raises InputError."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to Ray's makers
    on_terminate = signal.getsignal(signal.SIGTERM)
    # Ray would give a worker as many threads as the CPUs it asks for; it has the driver's here, as in a local run.
    threads = {"env_vars": {"OMP_NUM_THREADS": str(torch.get_num_threads())}}
    try:
        ray.init(address or "local", runtime_env=threads, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        given = f"--address: '{address}'" if address else "--executor: 'ray'"
        raise InputError(f"{given} given, but no Ray cluster answers or starts: {error}") from None
    finally:
        signal.signal(signal.SIGTERM, on_terminate)  # Ray's own would end without a line
    try:
        yield
    finally:
        ray.shutdown()


def demand(device: str) -> tuple[int, int]:
    """Return the (CPUs, GPUs) that a stage asks of a node: a GPU of its own, or as many CPUs as it has threads.

    Threads are those of a local run, for they stand in the records and may decide the last bits of a sum:
    OMP_NUM_THREADS=1 has as many stages at once as there are CPUs. More than the largest node has are not asked for.
    """
    if device == "cuda":
        return 1, 1  # every stage works on the run's device
    largest = max((node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]), default=0)
    return min(torch.get_num_threads(), int(largest) or 1), 0


def worker_function(device: str, display: Display) -> Any:
    """Return `do_stage` as a function of the cluster's workers."""
    cpus, gpus = demand(device)
    if gpus > ray.cluster_resources().get("GPU", 0):
        display.say("no node of the cluster has a GPU; waiting for one")
    # Ray retries what a lost worker or node was at, nothing else: an exception is an answer.
    return ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES, retry_exceptions=False)(do_stage)


def do_all(missing: Sequence[Stage], job: ray.ObjectRef, function: Any, store: Store) -> None:
    """Hand every stage to the cluster once those it needs are done, and wait for all; what needs a failed one is left."""
    undone = {stage.key: stage for stage in missing}
    tasks: dict[ray.ObjectRef, Stage] = {}
    with (
        store.display.task("stages on the cluster", len(missing), "stages") as update,
        cancelling(tasks, store.display),
    ):
        while undone:
            given = {stage.key for stage in tasks.values()}
            for stage in undone.values():
                if stage.key not in given and not any(parent.key in undone for parent in stage.parents):
                    task = function.options(name=stage.label).remote([job], stage.key, stage.label)
                    tasks[task] = stage
            for task in ray.wait(list(tasks), timeout=POLL_SECONDS)[0]:
                stage = tasks.pop(task)
                why = outcome(task, stage)
                if why is None:
                    wait_until_there([store.folder(stage) / DONE])
                    store.display.say(f"{stage.label}: done")
                    del undone[stage.key]
                else:
                    store.fail(stage, why)
                    store.display.say(f"failed: {why}")
                    undone = {key: other for key, other in undone.items() if not needs(other, stage)}
            running = sum((store.folder(stage) / CLAIM).exists() for stage in tasks.values())
            update(len(missing) - len(undone), f"{running} running")


def needs(stage: Stage, other: Stage) -> bool:
    """Tell whether a stage is another, or needs it."""
    return any(needed.key == other.key for needed in stage.lineage())


@contextmanager
def cancelling(tasks: dict[ray.ObjectRef, Stage], display: Display) -> Iterator[None]:
    """Cancel the tasks at Ctrl-C in the block: what trains in a worker saves first, as it does in a local run."""
    try:
        yield
    except KeyboardInterrupt:
        display.say("interrupted: the workers save; once more to stop at once")
        for task in tasks:
            ray.cancel(task)
        ray.wait(list(tasks), num_returns=len(tasks), timeout=SAVE_SECONDS)
        raise


def outcome(task: ray.ObjectRef, stage: Stage) -> str | None:
    """Return why a finished task's stage failed, or None."""
    try:
        return ray.get(task)
    except ray.exceptions.RayError as error:
        fault = " ".join(str(error).split())
        return f"{stage.label}: {type(error).__name__} after {RETRIES} retries: {fault}"[:300]


def do_stage(job: list[ray.ObjectRef], key: str, label: str) -> str | None:
    """Do one stage in a worker; return why it failed, or None."""
    try:
        store, known = workplace(job[0])
        if key not in known:
            raise InputError("dataset or sfddm-bench of a worker are not those of the driver")
        wait_until_there(store.folder(parent) / DONE for parent in known[key].parents)
        while True:
            try:
                store.ensure(known[key])
                return None
            except Busy:  # another run's, or of a node that was lost: until its heart has stood still long enough
                time.sleep(WAIT_SECONDS)
    except StageFailed as error:
        return str(error)
    except Exception as error:  # whatever it is, the other stages go on
        return f"{label}: {reason(error)}"


@cache
def workplace(job: ray.ObjectRef) -> tuple[Store, dict[str, Stage]]:
    """Return this worker's store, and the stages by their keys; made once a process."""
    given: Job = ray.get(job)
    os.chdir(given.folder)
    set_products("fp32")
    sweep = given.sweep
    images = load(sweep.images.name, sweep.config.resolution, given.data_root)
    known = {stage.key: stage for stage in stages(replace(sweep, images=images))}
    return Store(given.out, sweep.device, Display()), known


def without_pixels(sweep: Sweep) -> Sweep:
    """Return a sweep that is small, whatever its images, and that can be pickled."""
    pixels = np.zeros((0, *sweep.images.pixels.shape[1:]), np.uint8)
    return replace(sweep, images=replace(sweep.images, pixels=pixels, labels=None))
