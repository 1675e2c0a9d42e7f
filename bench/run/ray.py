"""The stages of a sweep on a Ray cluster: each is a task that starts once the stages it needs are done.

The run folder is on a filesystem that all nodes share. A task does its stage as a local run does, under its lock, and
into its folder; nothing but why it failed goes back. `run_sweep` then finds the stages done, and makes the records.
"""

import logging
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import ray
import torch

from bench.config.settings import Config
from bench.datasets.dataset import data_root
from bench.datasets.registry import load
from bench.run.local import WAIT_SECONDS
from bench.run.sweep import Sweep, make_sweep
from bench.run.worker import Worker
from bench.store.failures import Busy, StageFailed, reason
from bench.store.files import wait_until_there
from bench.store.layout import DONE, LOCK
from bench.store.lock import TakenOver
from bench.store.progress import Display
from bench.store.stage import Stage
from sfddm.errors import InputError, WorkFailed
from sfddm.performance import set_products
from sfddm.words import on_one_line

RETRIES = 3  # of a stage whose worker or node was lost; one that fails by itself would fail again
POLL_SECONDS = 1.0
GRACE_SECONDS = 1.5
SAVE_SECONDS = 60.0  # for the workers' checkpoints after Ctrl-C

OF_THE_DRIVER = ("cost",)  # its key has the machine it is measured on, and a time is measured with nothing beside it


@dataclass(frozen=True)
class Given:
    """What every task needs to know to build the sweep's stages again; images stay on the shared filesystem."""

    config: Config
    dataset: str
    wanted: tuple[tuple[str, int], ...]
    seeds: tuple[int, ...]
    weights: Path | None
    metrics: tuple[str, ...]
    device: str
    data_root: Path
    out: Path
    folder: Path  # the driver's, for paths that were given relative to it


def compute(sweep: Sweep, worker: Worker, address: str | None, data: Path | None) -> None:
    """Do a sweep's stages on a cluster; the worker then knows the failed ones. Raises InputError for an address."""
    store = worker.store
    missing = [stage for stage in sweep.stages if stage.kind not in OF_THE_DRIVER and not store.is_done(stage)]
    if not missing:
        return
    context = sweep.context
    given = Given(
        config=context.config,
        dataset=context.images.name,
        wanted=sweep.wanted,
        seeds=sweep.seeds,
        weights=context.weights,
        metrics=sweep.metrics,
        device=context.device,
        data_root=data_root(data).absolute(),
        out=store.run.root.absolute(),
        folder=Path.cwd(),
    )
    with worker.timing.part("stages on the cluster"), cluster(address):
        do_all(missing, ray.put(given), remote_function(context.device, worker.display), worker)


@contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """Connect to the cluster at an address, or start one on this machine, while the block runs.

    Raises InputError if none answers or starts, and WorkFailed if it is lost.
    """
    on_terminate = signal.getsignal(signal.SIGTERM)
    # Ray would give a worker as many threads as the CPUs it asks for; it has the driver's here, as in a local run.
    threads = {"env_vars": {"OMP_NUM_THREADS": str(torch.get_num_threads())}}
    with variables_put_back():
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to Ray's makers
        try:
            ray.init(address or "local", runtime_env=threads, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:  # Ray has many, and several are nothing but a RayError or an Exception
            ray.shutdown()  # what has started of it
            given = f"--address: '{address}'" if address else "--executor: 'ray'"
            raise InputError(f"{given} given, but no Ray cluster answers or starts: {kind_and_words(error)}") from None
        finally:
            signal.signal(signal.SIGTERM, on_terminate)  # Ray's own would end without a line
        try:
            yield
        except ray.exceptions.RayError as error:
            raise WorkFailed(
                f"--executor: the Ray cluster is lost: {kind_and_words(error)}; run the command again"
            ) from None
        finally:
            ray.shutdown()


@contextmanager
def variables_put_back() -> Iterator[None]:
    """Put Ray's environment variables back when the block ends: it sets some for itself, RAY_AUTH_MODE among them."""
    before = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("RAY_") and name not in before]:
            del os.environ[name]
        os.environ.update(before)


def kind_and_words(error: BaseException) -> str:
    """Return what an error is and says, short and on one line."""
    said = on_one_line(error)
    return f"{type(error).__name__}: {said}"[:300] if said else type(error).__name__


def demand(device: str) -> tuple[int, int]:
    """Return the (CPUs, GPUs) that a stage asks of a node: a GPU of its own, or as many CPUs as it has threads.

    Threads are those of a local run, for they stand in the records and may decide the last bits of a sum:
    OMP_NUM_THREADS=1 has as many stages at once as there are CPUs. More than the largest node has are not asked for.
    """
    if device == "cuda":
        return 1, 1  # every stage works on the run's device
    largest = max((node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]), default=0)
    return min(torch.get_num_threads(), int(largest) or 1), 0


def remote_function(device: str, display: Display) -> Any:
    """Return `do_stage` as a function of the cluster's workers."""
    cpus, gpus = demand(device)
    if gpus > ray.cluster_resources().get("GPU", 0):
        display.say("no node of the cluster has a GPU; waiting for one")
    # Ray retries what a lost worker or node was at, nothing else: an exception is an answer.
    return ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES, retry_exceptions=False)(do_stage)


def do_all(missing: Sequence[Stage], given: ray.ObjectRef, function: Any, worker: Worker) -> None:
    """Hand stages to the cluster once those they need are done, and wait for all; what needs a failed one is left."""
    store, display = worker.store, worker.display
    undone = {stage.key: stage for stage in missing}
    tasks: dict[ray.ObjectRef, Stage] = {}
    with (
        display.task("stages on the cluster", len(missing), "stages") as update,
        cancelling(tasks, display),
    ):
        while undone:
            running = {stage.key for stage in tasks.values()}
            for stage in undone.values():
                if stage.key not in running and not any(parent.key in undone for parent in stage.parents):
                    task = function.options(name=stage.label).remote([given], stage.key, stage.label)
                    tasks[task] = stage
            for task in ray.wait(list(tasks), timeout=POLL_SECONDS)[0]:
                stage = tasks.pop(task)
                why = outcome(task, stage)
                if why is None:
                    wait_until_there([store.path(stage, DONE)])
                    display.say(f"{stage.label}: done")
                    del undone[stage.key]
                else:
                    worker.fail(stage, why)
                    display.say(f"failed: {why}")
                    undone = {key: other for key, other in undone.items() if not needs(other, stage)}
            at_work = sum(store.path(stage, LOCK).exists() for stage in tasks.values())
            update(len(missing) - len(undone), f"{at_work} running")


def needs(stage: Stage, other: Stage) -> bool:
    """Tell whether a stage is another, or needs it."""
    return any(needed.key == other.key for needed in stage.lineage)


@contextmanager
def cancelling(tasks: dict[ray.ObjectRef, Stage], display: Display) -> Iterator[None]:
    """Cancel the tasks at Ctrl-C in the block: what trains in a worker saves first, as it does in a local run."""
    try:
        yield
    except KeyboardInterrupt:
        display.say("interrupted: the workers save; once more to stop at once")
        # Ray may crash if a task ends while it is cancelled: short ones are left to end by themselves.
        if tasks:
            for task in ray.wait(list(tasks), num_returns=len(tasks), timeout=GRACE_SECONDS)[1]:
                ray.cancel(task)
            ray.wait(list(tasks), num_returns=len(tasks), timeout=SAVE_SECONDS)
        raise


def outcome(task: ray.ObjectRef, stage: Stage) -> str | None:
    """Return why a finished task's stage failed, or None."""
    try:
        return ray.get(task)
    except ray.exceptions.RayError as error:
        return f"{stage.label}: after {RETRIES} retries: {kind_and_words(error)}"[:300]


def do_stage(given: list[ray.ObjectRef], key: str, label: str) -> str | None:
    """Do one stage in a worker; return why it failed, or None."""
    try:
        worker, known = workplace(given[0])
        if key not in known:
            raise InputError("dataset or sfddm-bench of a worker are not those of the driver")
        wait_until_there(worker.store.path(parent, DONE) for parent in known[key].parents)
        while True:
            try:
                worker.ensure(known[key])
                return None
            except (Busy, TakenOver):  # another run's, or of a node that was lost: until its heart has stood still
                time.sleep(WAIT_SECONDS)
    except StageFailed as error:
        return str(error)
    except Exception as error:  # whatever it is, the other stages continue
        return f"{label}: {reason(error)}"


@cache
def workplace(reference: ray.ObjectRef) -> tuple[Worker, dict[str, Stage]]:
    """Return this process's worker, and the stages by their keys; made once a process."""
    given: Given = ray.get(reference)
    os.chdir(given.folder)
    set_products("fp32")
    images = load(given.dataset, given.config.resolution, given.data_root)
    sweep = make_sweep(given.config, images, given.wanted, given.seeds, given.weights, given.metrics, given.device)
    return Worker(given.out, given.device, Display()), {stage.key: stage for stage in sweep.stages}
