"""One stage as a task of another process: what that process is given, and how it does the stage.

It builds the sweep again, and does the stage as a local run does: under its lock, into its folder, once those it needs
are done. Nothing but how it ended goes back; whoever gave the task then finds the stage done.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from bench.config.settings import Config
from bench.datasets.dataset import data_root
from bench.datasets.registry import load
from bench.run.sweep import Sweep, make_sweep
from bench.run.worker import Worker
from bench.store.changes import Earlier
from bench.store.failures import Busy, StageFailed, reason
from bench.store.lock import TakenOver
from bench.store.progress import Display
from bench.store.stage import Stage
from sfddm.errors import InputError
from sfddm.performance import set_products

# Its key has the machine and the threads that it is measured with, and a time is measured with nothing beside it.
OF_THE_DRIVER = ("cost",)


@dataclass(frozen=True)
class Given:
    """What a process needs to know to build the sweep's stages again; images stay on a filesystem that it shares.

    folder: the driver's, for paths that were given relative to it. jobs: how many processes work at a time. earlier:
    the stages that were there before any of them began.
    """

    config: Config
    dataset: str
    wanted: tuple[tuple[str, int], ...]
    seeds: tuple[int, ...]
    weights: Path | None
    metrics: tuple[str, ...]
    device: str
    data_root: Path
    out: Path
    folder: Path
    forced: frozenset[str]
    earlier: Earlier
    jobs: int
    budgets: tuple[int, ...]
    further: tuple[tuple[str, Path | None], ...]


@dataclass(frozen=True)
class Outcome:
    """How a task ended: done, or why it failed, or the stage that another run works on."""

    failed: str | None = None
    busy: str | None = None


def given_of(sweep: Sweep, worker: Worker, data: Path | None, jobs: int = 1) -> Given:
    """Return what other processes need to know of a sweep; data: where prepared datasets are."""
    context, earlier = sweep.context, worker.store.earlier
    for stage in sweep.stages:
        earlier.of_kind(stage.kind)  # read now
    return Given(
        config=context.config,
        dataset=context.images.name,
        wanted=sweep.wanted,
        seeds=sweep.seeds,
        weights=context.weights,
        metrics=sweep.metrics,
        device=context.device,
        data_root=data_root(data).absolute(),
        out=worker.store.run.root.absolute(),
        folder=Path.cwd(),
        forced=frozenset(worker.forced),
        earlier=earlier,
        jobs=jobs,
        budgets=sweep.budgets,
        further=sweep.further,
    )


class Workplace:
    """A process's own worker, and the stages by their keys."""

    def __init__(self, given: Given, display: Display):
        os.chdir(given.folder)
        set_products("fp32")
        images = load(given.dataset, given.config.resolution, given.data_root, given.config.data.held_out)
        sweep = make_sweep(
            given.config,
            images,
            given.wanted,
            given.seeds,
            given.weights,
            given.metrics,
            given.device,
            given.budgets,
            given.further,
        )
        self.worker = Worker(given.out, given.device, display, jobs=given.jobs)
        self.worker.forced |= given.forced
        self.worker.store.earlier = given.earlier
        self.stages: dict[str, Stage] = {stage.key: stage for stage in sweep.stages}

    def stage(self, key: str) -> Stage:
        """Return a stage by its key. Raises InputError if this process has another sweep than the driver."""
        if key not in self.stages:
            raise InputError("dataset or sfddm-bench of a worker are not those of the driver")
        return self.stages[key]


def outcome_of(worker: Worker, stage: Stage) -> Outcome:
    """Do a stage; return how it ended, whatever happens."""
    try:
        worker.ensure(stage)
    except (Busy, TakenOver):  # another run's, or of a node that was lost: until its heart has stood still
        return Outcome(busy=stage.label)
    except StageFailed as error:
        return Outcome(failed=str(error))
    except Exception as error:  # whatever it is, the other stages continue
        return Outcome(failed=f"{stage.label}: {reason(error)}")
    return Outcome()
