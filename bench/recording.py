"""From a done cell's artefacts to its record."""

from typing import Any

from bench.cells import Cell, Sweep
from bench.files import digest
from bench.records import Record
from bench.stages import DONE, Store

COST_FIELDS = ("first_call_seconds", "compile_seconds", "latency", "throughput", "seconds_per_nfe", "gpu_peak_bytes",
               "gpu_reserved_bytes", "gpu_device_bytes", "rss_peak_bytes", "weights_bytes")  # fmt: skip


def make_record(sweep: "Sweep", cell: "Cell", store: Store, about: dict[str, Any]) -> Record:
    """Return the record of a done cell, from the artefacts of its stages."""
    last = sweep.last_stage(cell)
    if cell.steps is None:
        measured: dict[str, Any] = {"reasons": {"cost": "real images are not generated"}}
    else:
        measured = _of_method(sweep, cell, cell.steps, store)
    return Record(
        **_identity(sweep, cell, last.key),
        **_quality(sweep, store.read(last, "metrics.json"), store),
        **measured,
        **_provenance(sweep, cell, store, about),
    )


def _identity(sweep: "Sweep", cell: "Cell", last_key: str) -> dict[str, Any]:
    config, images = sweep.config.model_dump(mode="json"), sweep.images
    return {
        "key": digest({"stage": last_key, "method": cell.method, "steps": cell.steps, "config": config}),
        "dataset": images.name,
        "dataset_sha256": images.sha256,
        "preprocessing": images.preprocessing,
        "resolution": sweep.config.resolution,
        "method": cell.method,
        "steps": cell.steps,
        "seed": cell.seed,
        "scale": sweep.config.scale,
        "config": config,
    }


def _quality(sweep: "Sweep", metrics: dict[str, Any], store: Store) -> dict[str, Any]:
    name = store.read(sweep.pipeline.reference(), "extractor.json")["name"]
    is_fid = name.startswith("inception-2015")
    return {
        "feature_space": name,
        "images": metrics["images"],
        "reference_images": metrics["reference_images"],
        "fid": metrics["distance"] if is_fid else None,
        "fd": None if is_fid else metrics["distance"],
        "distance_path": metrics["path"],
        "is_mean": metrics["is_mean"],
        "is_std": metrics["is_std"],
    }


def _of_method(sweep: Sweep, cell: Cell, steps: int, store: Store) -> dict[str, Any]:
    method = sweep.config.method(cell.method)
    samples = store.read(sweep.pipeline.samples(method, steps, cell.seed), "cost.json")
    teacher, *folds = [store.read(stage, "cost.json") for stage in sweep.pipeline.students(method, steps, cell.seed)]
    reasons: dict[str, str] = {}
    if teacher["seconds"] is None:
        reasons |= dict.fromkeys(("teacher_seconds", "teacher_evaluations"), "the teacher was given (teacher.weights)")
    cost = _cost(sweep, cell, store)
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
        **cost,
        "reasons": reasons | cost["reasons"],
    }


def _cost(sweep: Sweep, cell: Cell, store: Store) -> dict[str, Any]:
    """What sampling costs on this machine, of the stage that measured it."""
    stage = sweep.cost_stage(cell, store.device)
    if stage is None:
        return {"reasons": dict.fromkeys(COST_FIELDS, "cost was not asked for")}
    measured = store.read(stage, "cost.json")
    return {name: measured[name] for name in COST_FIELDS} | {"reasons": measured["reasons"]}


def _provenance(sweep: Sweep, cell: Cell, store: Store, about: dict[str, Any]) -> dict[str, Any]:
    """The machine with how the network was computed on it; the cell's stages and their seconds."""
    stages = list(sweep.stages(cell, store.device))
    cost = sweep.cost_stage(cell, store.device)
    execution = {} if cost is None else store.read(cost, "cost.json")["execution"]
    return about | {
        "machine": about["machine"] | execution,
        "parents": {stage.label: stage.key for stage in stages},
        "durations": {stage.label: store.read(stage, DONE)["seconds"] for stage in stages},
    }
