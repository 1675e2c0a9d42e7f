"""From a done cell's artefacts to its record."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.cells import Cell, Sweep
from bench.files import digest
from bench.machine import anonymous
from bench.records import Record, cell_folder, record_name
from bench.stages import Stage, Store


def make_record(sweep: "Sweep", cell: "Cell", store: Store, about: dict[str, Any]) -> Record:
    """Return the record of a done cell, from the artefacts of its stages."""
    last = sweep.last_stage(cell)
    if cell.steps is None:
        measured: dict[str, Any] = {"reasons": {"cost": "real images are not generated"}}
    else:
        measured = _of_method(sweep, cell, cell.steps, store)
    return Record(
        **_identity(sweep, cell),
        **_quality(sweep, store.read(last, "metrics.json"), store),
        **measured,
        **about,
        **provenance(last.lineage(), store),
    )


def cell_key(sweep: Sweep, cell: Cell) -> str:
    """Return the key of the record that a cell has or will have."""
    last = sweep.last_stage(cell).key
    return digest({"stage": last, "method": cell.method, "steps": cell.steps, "config": sweep.settings})


def failed_record(sweep: Sweep, cell: Cell, about: dict[str, Any], why: str) -> Record:
    """Return the record of a cell that could not be done: what it was to be, and one line that says why it is not."""
    space = sweep.config.evaluation.feature_space
    return Record(**_identity(sweep, cell), feature_space=space, failure=why, **about)


def provenance(stages: Iterable[Stage], store: Store) -> dict[str, Any]:
    """Return the keys of done stages and the seconds each took, by label."""
    done = list(stages)
    return {
        "parents": {stage.label: stage.key for stage in done},
        "durations": {stage.label: store.marker(stage)["seconds"] for stage in done},
    }


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
        "config": shown,
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
    cost = store.read(sweep.pipeline.samples(method, steps, cell.seed), "cost.json")
    teacher, *folds = [store.read(stage, "cost.json") for stage in sweep.pipeline.students(method, steps, cell.seed)]
    reasons = {}
    if cost["gpu_peak_bytes"] is None:
        reasons["gpu_peak_bytes"] = "sampled on the CPU"
    if teacher["seconds"] is None:
        reasons |= dict.fromkeys(("teacher_seconds", "teacher_evaluations"), "the teacher was given (teacher.weights)")
    if not cost["rss_is_of_this_pass"]:
        reasons["rss_peak_bytes"] = "peak of the whole process: this system cannot reset it"
    return {
        "nfe": cost["nfe"],
        "grid": method.grid(steps),
        "timesteps": method.timesteps(steps),
        "sampling": method.sampling(),
        "wall_seconds": cost["wall_seconds"],
        "images_per_second": cost["images_per_second"],
        "gpu_peak_bytes": cost["gpu_peak_bytes"],
        "rss_peak_bytes": cost["rss_peak_bytes"],
        "teacher_seconds": teacher["seconds"],
        "teacher_evaluations": teacher["evaluations"],
        "train_seconds": sum(fold["seconds"] for fold in folds),
        "train_evaluations": sum(fold["evaluations"] for fold in folds),
        "folds": len(folds),
        "reasons": reasons,
    }
