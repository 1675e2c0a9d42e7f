"""What every command that runs a sweep shares: where it is run, checking what is asked for, and running it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from bench.config.settings import Config
from bench.metrics import OF_FEATURES
from bench.metrics.offered import is_from_file
from bench.metrics.spaces import feature_weights
from bench.records.record import Record
from bench.run import side_by_side
from bench.run.estimate import lines, outlook_of, table
from bench.run.following import followed_by
from bench.run.jobs import Division, divide
from bench.run.local import Elsewhere, forced_stages, plan, run_sweep
from bench.run.request import Examined, Request, examine
from bench.run.sweep import Sweep, make_sweep
from bench.run.torchrun import follow, followed
from bench.run.worker import Worker
from bench.store.files import check_writable
from bench.store.names import check_name
from bench.store.progress import Display
from bench.store.requests import write_request
from bench.store.timing import Timing
from sfddm.compiling import fault
from sfddm.distributed import joined
from sfddm.errors import WorkFailed
from sfddm.performance import set_products


@dataclass(frozen=True)
class Place:
    """Where it is run, and where its data and results are. Made when the command begins: it has the run's clock.

    device: one that is there; address: of a running cluster, if the executor has one. inception, extractors: the weight
    files that are named. jobs: stages at a time on this machine; None: as many as pay. log: the loggers that are told
    what happens.
    """

    device: str
    out: Path
    data_root: Path | None = None
    inception: Path | None = None
    extractors: tuple[str, ...] = ()
    dry_run: bool = False
    force: tuple[str, ...] = ()
    executor: str = "local"
    address: str | None = None
    jobs: int | None = None
    log: tuple[str, ...] = ()
    timing: Timing = field(default_factory=Timing)


def prepare(request: Request, place: Place, found: Examined | None = None) -> Sweep:
    """Return the sweep of a request, everything checked; nothing is written. Raises InputError.

    found: what the request comes to, if it has been examined already.
    """
    found = found or examine(request, place.data_root, place.inception, place.extractors)
    config = Config(**found.values)
    check_name("--dataset", found.images.name)  # it becomes a folder; that of another package may be anything
    needed = any(metric in OF_FEATURES for metric in request.metrics)
    weights = [
        feature_weights(config.judged_in(space), found.images, found.files, place.dry_run, needed)
        for space in found.spaces
    ]
    return make_sweep(
        config.judged_in(found.spaces[0]),
        found.images,
        request.cells,
        request.seeds,
        weights[0],
        request.metrics,
        place.device,
        request.budgets,
        list(zip(found.spaces, weights, strict=True))[1:],
    )


def perform(sweep: Sweep, place: Place) -> list[Record]:
    """Run a sweep and return its records; a dry run only prints it, and a process that follows another returns none."""
    set_products("fp32")
    with joined(place.device) as world, Display(quiet=not world.is_main) as display:
        worker = Worker(place.out, place.device, display, place.timing, world)
        if not world.is_main:
            follow(sweep, worker)
            return []
        with followed(worker):
            records = lead(sweep, worker, place)
    return records


def lead(sweep: Sweep, worker: Worker, place: Place) -> list[Record]:
    """Run a sweep, or print it, in the process that plans and writes."""
    told_to_compile = sweep.context.config.performance.on(place.device).compile
    if told_to_compile and not place.dry_run and (why := fault(place.device.partition(":")[0])):
        worker.display.say(f"nothing can be compiled for {place.device} here, so networks run eager: {why}")
    forced = forced_stages(sweep, place.force)
    with worker.timing.part("estimate"):
        division = divide(sweep, place.jobs, torch.get_num_threads(), worker.world.size)
    if place.dry_run:
        worker.forced |= {stage.key for stage in forced}
        for space in lacking_weights(sweep):
            worker.display.say(f"{space}'s weights are not here: a run downloads them, or says where to put them")
        print_plan(sweep, worker)
        outlook = outlook_of(sweep, worker, forced, keep=worker.store.run.stages.is_dir())
        for line in table(sweep, outlook, division.jobs):
            print(line)
        return []
    with worker.timing.part("checking what is done"):
        check_writable(place.out)
    with worker.timing.part("estimate"):
        outlook = outlook_of(sweep, worker, forced, keep=True)
        for line in lines(sweep, outlook, division.jobs):
            worker.display.say(line)
    worker.display.outlook = outlook
    worker.force(forced)
    write_request(place.out, sweep.request())
    with followed_by(place.log, worker.store.run, worker.display.say):
        return run_sweep(sweep, worker, elsewhere(sweep, worker, place, division))


def lacking_weights(sweep: Sweep) -> list[str]:
    """Return the feature spaces of a sweep whose weight files are not here."""
    first = sweep.context.config.evaluation.feature_space, sweep.context.weights
    return [space for space, file in (first, *sweep.further) if is_from_file(space) and file is None]


def elsewhere(sweep: Sweep, worker: Worker, place: Place, division: Division) -> Elsewhere | None:
    """Return what has a sweep's stages done by other processes; None if this one does them all."""
    if place.executor == "ray":
        from bench.run import ray  # which needs an optional package

        return lambda ended: ray.compute(sweep, worker, place.address, place.data_root, ended)
    if division.jobs == 1:
        return None
    return lambda ended: side_by_side.compute(sweep, worker, division, place.data_root, ended)


def print_plan(sweep: Sweep, worker: Worker) -> None:
    """Print every stage and cell with what would be done."""
    for state, label, why, name in plan(sweep, worker):
        print(f"{state:8} {label}" + (f": {why}" if why else "") + (f"  [{name}]" if name else ""))


def check_failures(records: Sequence[Record]) -> None:
    """Raise WorkFailed if cells failed."""
    failed = sum(record.failure is not None for record in records)
    if failed:
        raise WorkFailed(f"{failed} of {len(records)} cells failed; the same command tries them again")
