"""From a done cell's artefacts to its record."""

from collections.abc import Callable
from typing import Any

from bench.metrics.metric import Reasons
from bench.records.measured import (
    COST,
    read_consistency,
    read_cost,
    read_interpolation,
    read_quality,
    read_training_cost,
)
from bench.records.record import Record
from bench.run.sweep import Cell, Sweep
from bench.run.worker import Worker
from bench.stages.context import Context
from bench.store import provenance
from bench.store.stage import Stage, unique
from bench.store.store import Store

Fields = dict[str, Any]


def make_record(sweep: Sweep, cell: Cell, worker: Worker, about: Fields) -> Record:
    """Return the record of a done cell, from the artefacts of its stages.

    A metric that was measured before is in it, asked for this time or not; one that never was is None, with a reason.
    """
    fields: Fields = identity(sweep, cell) | about
    reasons: Reasons = {}
    if cell.steps is None:
        reasons |= dict.fromkeys(("cost", "sampling_cost", "training_cost"), "real images are not generated")
        reasons |= dict.fromkeys(("consistency", "interpolation"), "real images have no latents")
    else:
        own, missing = of_method(cell, worker.store)
        fields |= own
        reasons |= missing
    for name, stage in cell.measures.items():
        if not worker.store.is_done(stage):
            elsewhere = cell.further and name in sweep.metrics
            reasons[name] = f"measured in {sweep.context.space.name} only" if elsewhere else "not asked for (--metrics)"
            continue
        own, missing = READERS[name](cell, stage, worker)
        if name == "cost":
            own["sampling_cost"] = fields["sampling_cost"] | own["sampling_cost"]
        fields |= own
        reasons |= missing
    fields["machine"] = fields["machine"] | side_by_side(cell, worker.store)
    return Record(**fields, **made_from(cell, worker.store), reasons=reasons)


def failed_record(sweep: Sweep, cell: Cell, about: Fields, why: str) -> Record:
    """Return the record of a cell that could not be done: what it was to be, and one line that says why it is not."""
    return Record(**identity(sweep, cell), failure=why, **about)


def made_from(cell: Cell, store: Store) -> Fields:
    """Return the keys of a cell's done stages and the seconds each took, by label, asked for this time or not."""
    measured = [stage for end in cell.measures.values() if store.is_done(end) for stage in end.lineage]
    done = unique([*cell.stages, *measured])
    return {
        "parents": {stage.label: stage.key for stage in done},
        "durations": {stage.label: store.marker(stage)["seconds"] for stage in done},
    }


def side_by_side(cell: Cell, store: Store) -> Fields:
    """Return how many stages were done at a time while some of this cell's were, and with how few threads; or nothing.

    Then the seconds of those are longer than they would have been alone.
    """
    markers = [store.marker(stage) for stage in cell.stages]
    beside = [marker for marker in markers if marker.get("jobs", 1) > 1]
    if not beside:
        return {}
    return {"jobs": max(marker["jobs"] for marker in beside), "job_threads": min(m["threads"] for m in beside)}


def made_on(context: Context, worker: Worker) -> Fields:
    """Return the machine, and how it runs networks: the choices of `performance`, those of the device filled in.

    If torchrun started several processes, also how many.
    """
    performance = context.config.performance.on(worker.device)
    processes = {"processes": worker.world.size} if worker.world.size > 1 else {}
    return provenance.machine(worker.device) | processes | {"performance": performance.model_dump()}


def identity(sweep: Sweep, cell: Cell) -> Fields:
    """Return what a cell's record says of it before anything is measured."""
    context = cell.context
    config, images = context.settings, context.images
    weights = config["teacher"]["weights"]
    shown = config | {"teacher": config["teacher"] | {"weights": weights and provenance.anonymous(weights)}}
    return {
        "key": cell.key,
        "dataset": images.name,
        "dataset_sha256": images.sha256,
        "preprocessing": images.preprocessing,
        "resolution": context.config.resolution,
        "method": cell.method,
        "steps": cell.steps,
        "seed": cell.seed,
        "budget": cell.budget,
        "share": cell.share,
        "init": cell.init,
        "scale": context.config.scale,
        "feature_space": context.space.name,
        "config": shown,
    }


def of_method(cell: Cell, store: Store) -> tuple[Fields, Reasons]:
    """Return what a method's cell is, and what its own images and its models cost."""
    assert cell.kind is not None
    assert cell.steps is not None
    assert cell.samples is not None
    samples = store.read(cell.samples, COST)
    teacher, *folds = [store.path(stage) for stage in cell.models]
    training, reasons = read_training_cost(teacher, folds)
    fields = {
        "nfe": samples["nfe"],
        "grid": cell.kind.grid(cell.steps),
        "timesteps": cell.kind.timesteps(cell.steps),
        "sampling": cell.kind.sampling(),
        "sampling_cost": {name: samples[name] for name in ("wall_seconds", "images_per_second")},
        "training_cost": training,
    }
    return fields, reasons


def _quality(cell: Cell, stage: Stage, worker: Worker) -> tuple[Fields, Reasons]:
    quality, protocol, reasons = read_quality(worker.store.path(stage), cell.context.space.name)
    return {"quality": quality, "protocol": protocol}, reasons


def _consistency(cell: Cell, stage: Stage, worker: Worker) -> tuple[Fields, Reasons]:
    measured, reasons = read_consistency(worker.store.path(stage))
    return {"consistency": measured}, reasons


def _interpolation(cell: Cell, stage: Stage, worker: Worker) -> tuple[Fields, Reasons]:
    measured, reasons = read_interpolation(worker.store.path(stage))
    return {"interpolation": measured}, reasons


def _cost(cell: Cell, stage: Stage, worker: Worker) -> tuple[Fields, Reasons]:
    """Return what sampling costs on this machine, and how the network was computed on it."""
    measured, execution, reasons = read_cost(worker.store.path(stage))
    return {"sampling_cost": measured, "machine": made_on(cell.context, worker) | execution}, reasons


READERS: dict[str, Callable[[Cell, Stage, Worker], tuple[Fields, Reasons]]] = {
    "quality": _quality,
    "consistency": _consistency,
    "interpolation": _interpolation,
    "cost": _cost,
}
