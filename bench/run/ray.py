"""The stages of a sweep on a Ray cluster: each is a task that starts once the stages it needs are done.

The run folder is on a filesystem that all nodes share. A task does its stage as a local run does, under its lock, and
into its folder; nothing but why it failed goes back. `run_sweep` then finds the stages done, and makes the records.
"""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import ray
import torch

from bench.run.local import WAIT_SECONDS
from bench.run.sweep import Sweep
from bench.run.task import OF_THE_DRIVER, Workplace, given_of, outcome_of
from bench.run.walk import Walk
from bench.run.worker import Worker
from bench.store.failures import reason
from bench.store.files import wait_until_there
from bench.store.layout import DONE, LOCK
from bench.store.progress import Display
from bench.store.stage import Stage
from sfddm.errors import InputError, WorkFailed
from sfddm.words import on_one_line

RETRIES = 3  # of a stage whose worker or node was lost; one that fails by itself would fail again
POLL_SECONDS = 1.0
GRACE_SECONDS = 1.5
SAVE_SECONDS = 60.0  # for the workers' checkpoints after Ctrl-C


def compute(
    sweep: Sweep, worker: Worker, address: str | None, data: Path | None, ended: Callable[[Stage], None]
) -> None:
    """Do a sweep's stages on a cluster, but for those of the driver. Raises InputError for an address.

    `ended` is called with each that is done or failed, which the worker then knows.
    """
    store = worker.store
    missing = [stage for stage in sweep.stages if stage.kind not in OF_THE_DRIVER and not store.is_done(stage)]
    if not missing:
        return
    with ExitStack() as stack:
        with worker.timing.part("stages on the cluster"):
            stack.enter_context(cluster(address))
        given = ray.put(given_of(sweep, worker, data))
        do_all(missing, given, remote_function(sweep.context.device, worker.display), worker, ended)


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


def has_gpus(address: str) -> bool:
    """Tell whether any node of a cluster has a GPU. Raises InputError if no cluster answers."""
    with cluster(address):
        return bool(ray.cluster_resources().get("GPU", 0))


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


def do_all(
    missing: Sequence[Stage],
    given: ray.ObjectRef,
    function: Any,
    worker: Worker,
    ended: Callable[[Stage], None],
) -> None:
    """Hand stages to the cluster once those they need are done, and wait for all; what needs a failed one is left."""
    store, display, walk = worker.store, worker.display, Walk(missing)
    tasks: dict[ray.ObjectRef, Stage] = {}
    with (
        display.task("stages on the cluster", len(missing), "stages") as update,
        cancelling(tasks, display),
    ):
        while walk:
            while stage := walk.take():
                tasks[function.options(name=stage.label).remote([given], stage.key, stage.label)] = stage
            with worker.timing.part("stages on the cluster"):
                finished = ray.wait(list(tasks), timeout=POLL_SECONDS)[0]
            for task in finished:
                stage = tasks.pop(task)
                why = outcome(task, stage)
                if why is None:
                    wait_until_there([store.path(stage, DONE)])
                    display.say(f"{stage.label}: done")
                    walk.done(stage)
                else:
                    worker.fail(stage, why)
                    display.say(f"failed: {why}")
                    walk.failed(stage)
                ended(stage)
            at_work = sum(store.path(stage, LOCK).exists() for stage in tasks.values())
            update(len(missing) - len(walk), f"{at_work} running")


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
    """Do one stage in a worker; return why it failed, or None. One that another run works on is waited for."""
    try:
        workplace = workplace_of(given[0])
        stage = workplace.stage(key)
        wait_until_there(workplace.worker.store.path(parent, DONE) for parent in stage.parents)
        while (outcome := outcome_of(workplace.worker, stage)).busy:
            time.sleep(WAIT_SECONDS)
    except Exception as error:  # whatever it is, the other stages continue
        return f"{label}: {reason(error)}"
    return outcome.failed


@cache
def workplace_of(reference: ray.ObjectRef) -> Workplace:
    """Return this process's workplace, made once a process."""
    return Workplace(ray.get(reference), Display())
