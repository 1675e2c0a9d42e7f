"""From a done cell's artefacts to its record."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.records.record import Record, cell_folder, own_settings, record_name
from bench.run.sweep import Cell, Sweep
from bench.stages.latent_stages import CONSISTENCY, INTERPOLATION
from bench.stages.quality_stages import METRICS, PROTOCOL
from bench.store import provenance
from bench.store.files import digest
from bench.store.provenance import anonymous
from bench.store.store import Stage, Store

COST_FIELDS = ("first_call_seconds", "compile_seconds", "latency", "throughput", "seconds_per_nfe", "gpu_peak_bytes",
               "gpu_reserved_bytes", "gpu_device_bytes", "rss_peak_bytes", "weights_bytes")  # fmt: skip


def make_record(sweep: Sweep, cell: Cell, store: Store, about: dict[str, Any]) -> Record:
    """Return the record of a done cell, from the artefacts of its stages.

    A metric that was measured before is in it, asked for this time or not; one that never was is null, with a reason.
    """
    fields: dict[str, Any] = _identity(sweep, cell) | about
    reasons: dict[str, str] = {}
    if cell.steps is None:
        reasons |= {"cost": "real images are not generated"}
        reasons |= dict.fromkeys(("consistency", "interpolation"), "real images have no latents")
    else:
        fields |= _of_method(sweep, cell, cell.steps, store)
        reasons |= fields.pop("reasons")
    for name, stage in sweep.measurements(cell).items():
        if store.is_done(stage):
            fields |= MEASURED[name](sweep, stage, store)
            reasons |= fields.pop("reasons")
        else:
            reasons[name] = "not asked for (--metrics)"
    return Record(**fields, **made_from(sweep, cell, store), reasons=reasons)


def failed_record(sweep: Sweep, cell: Cell, about: dict[str, Any], why: str) -> Record:
    """Return the record of a cell that could not be done: what it was to be, and one line that says why it is not."""
    return Record(**_identity(sweep, cell), failure=why, **about)


def made_from(sweep: Sweep, cell: Cell, store: Store) -> dict[str, Any]:
    """Return the keys of a cell's done stages and the seconds each took, by label, asked for this time or not."""
    measured = [stage for end in sweep.measurements(cell).values() if store.is_done(end) for stage in end.lineage()]
    done = {stage.key: stage for stage in [*sweep.stages(cell), *measured]}.values()
    return {
        "parents": {stage.label: stage.key for stage in done},
        "durations": {stage.label: store.marker(stage)["seconds"] for stage in done},
    }


def made_on(sweep: Sweep, store: Store) -> dict[str, Any]:
    """Return the machine, and how it runs networks: the choices of `performance`, those of the device filled in.

    Where torchrun started several processes, also how many.
    """
    performance = sweep.config.performance.on(store.device)
    processes = {"processes": store.world.size} if store.world.size > 1 else {}
    return provenance.machine(store.device) | processes | {"performance": performance.model_dump()}


def cell_key(sweep: Sweep, cell: Cell) -> str:
    """Return the key of the record that a cell has or will have; it is the same whatever metrics are asked for.

    Settings of other methods are none of a cell's, and the real data's own values are those of their stage alone: runs
    that differ in nothing else share the record.
    """
    judged = sweep.last_stage(cell).key
    if cell.steps is None:
        return digest({"stage": judged, "method": cell.method})
    config = own_settings(sweep.settings, cell.method)
    return digest({"stage": judged, "method": cell.method, "steps": cell.steps, "config": config})


def record_path(sweep: Sweep, cell: Cell, store: Store) -> Path:
    """Return where a cell's record is, once it is done or failed."""
    named = Record.model_construct(**_identity(sweep, cell))
    return cell_folder(store.root, named) / f"{record_name(named)}.json"


def _identity(sweep: Sweep, cell: Cell) -> dict[str, Any]:
    config, images = sweep.settings, sweep.images
    weights = config["teacher"]["weights"]
    shown = config | {"teacher": config["teacher"] | {"weights": weights and anonymous(weights)}}
    return {
        "key": cell_key(sweep, cell),
        "dataset": images.name,
        "dataset_sha256": images.sha256,
        "preprocessing": images.preprocessing,
        "resolution": sweep.config.resolution,
        "method": cell.method,
        "steps": cell.steps,
        "seed": cell.seed,
        "scale": sweep.config.scale,
        "feature_space": sweep.pipeline.quality.space.name,
        "config": shown,
    }


def _quality(sweep: Sweep, stage: Stage, store: Store) -> dict[str, Any]:
    measured, name = store.read(stage, METRICS), sweep.pipeline.quality.space.name
    distance = measured.pop("distance")
    is_fid = name.startswith("inception-2015")
    measured["fid" if is_fid else "fd"] = distance
    other = {"fd": "its name is FID on Inception-2015 features"} if is_fid else {"fid": f"the features are {name}"}
    return measured | {"protocol": store.read(stage, PROTOCOL), "reasons": measured["reasons"] | other}


def _consistency(sweep: Sweep, stage: Stage, store: Store) -> dict[str, Any]:
    measured = store.read(stage, CONSISTENCY)
    equal = [name for name in ("psnr", "psnr_unrelated") if measured[name] is None]
    return {
        "consistency": measured,
        "reasons": {f"consistency.{name}": "every pair is equal in every pixel" for name in equal},
    }


def _interpolation(sweep: Sweep, stage: Stage, store: Store) -> dict[str, Any]:
    measured = store.read(stage, INTERPOLATION)
    still = [
        f"interpolation.{path}.{name}" for path in measured for name, value in measured[path].items() if value is None
    ]
    return {"interpolation": measured, "reasons": dict.fromkeys(still, "the features are the same all along")}


def _cost(sweep: Sweep, stage: Stage, store: Store) -> dict[str, Any]:
    """What sampling costs on this machine, and how the network was computed on it."""
    measured = store.read(stage, "cost.json")
    fields = {name: measured[name] for name in COST_FIELDS}
    return fields | {"machine": made_on(sweep, store) | measured["execution"], "reasons": measured["reasons"]}


MEASURED: dict[str, Callable[[Sweep, Stage, Store], dict[str, Any]]] = {
    "quality": _quality, "consistency": _consistency, "interpolation": _interpolation, "cost": _cost}  # fmt: skip


def _of_method(sweep: Sweep, cell: Cell, steps: int, store: Store) -> dict[str, Any]:
    method = sweep.config.method(cell.method)
    samples = store.read(sweep.pipeline.samples(method, steps, cell.seed), "cost.json")
    teacher, *folds = [store.read(stage, "cost.json") for stage in sweep.pipeline.students(method, steps, cell.seed)]
    reasons: dict[str, str] = {}
    if teacher["seconds"] is None:
        reasons |= dict.fromkeys(("teacher_seconds", "teacher_evaluations"), "the teacher was given (teacher.weights)")
    return {
        "nfe": samples["nfe"],
        "grid": method.grid(steps),
        "timesteps": method.timesteps(steps),
        "sampling": method.sampling(),
        "wall_seconds": samples["wall_seconds"],
        "images_per_second": samples["images_per_second"],
        "teacher_seconds": teacher["seconds"],
        "teacher_evaluations": teacher["evaluations"],
        "train_seconds": sum(fold["seconds"] for fold in folds),
        "train_evaluations": sum(fold["evaluations"] for fold in folds),
        "folds": len(folds),
        "reasons": reasons,
    }
