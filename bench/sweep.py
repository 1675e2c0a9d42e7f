"""A sweep: the cells of methods x steps x seeds, done one after the other, each recorded as soon as it ends."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench import machine
from bench.config import Config
from bench.datasets.dataset import Images
from bench.files import digest
from bench.pictures import write_grid
from bench.pipeline import Pipeline, plural
from bench.records import REAL, Record, write_record
from bench.stages import Stage, Store
from sfddm.errors import InputError


@dataclass(frozen=True)
class Cell:
    """One row of the results to be: a method at a step count under a seed, or the real data's own values."""

    method: str
    steps: int | None
    seed: int

    def __str__(self) -> str:
        steps = "" if self.steps is None else f", {plural(self.steps, 'step')}"
        return f"{self.method}{steps}, seed {self.seed}"


@dataclass(frozen=True)
class Sweep:
    """What a run does: its configuration, data and cells."""

    config: Config
    images: Images
    cells: tuple[Cell, ...]
    inception: Path | None = None

    @cached_property
    def pipeline(self) -> Pipeline:
        """The stage builder."""
        return Pipeline(self.config, self.images, self.inception)

    def last_stage(self, cell: Cell) -> Stage:
        """Return the stage whose metrics end a cell; its lineage is all the cell needs."""
        pipeline = self.pipeline
        if cell.steps is None:
            return pipeline.floor(cell.seed)
        samples = pipeline.samples(self.config.method(cell.method), cell.steps, cell.seed)
        return pipeline.metrics(pipeline.features(samples), cell.seed)


def make_sweep(
    config: Config, images: Images, methods: Sequence[str], steps: Sequence[int], seeds: Sequence[int],
    inception: Path | None = None,
) -> Sweep:  # fmt: skip
    """Return the sweep, every cell checked. Raises InputError for a step count or grid that a method cannot do."""
    for name in methods:
        for count in steps:
            method = config.method(name)
            method.timesteps(count)
            config.folds(method, count)
    splits = config.evaluation.splits
    if config.evaluation.images < splits:
        raise InputError(f"--images: {config.evaluation.images} given, at least {splits} needed (evaluation.splits)")
    floors = [Cell(REAL, None, seed) for seed in seeds]
    cells = [Cell(name, count, seed) for seed in seeds for count in steps for name in methods]
    return Sweep(config, images, (*floors, *cells), inception)


def plan(sweep: Sweep, store: Store) -> Iterator[tuple[str, str, str]]:
    """Yield (state, stage or cell, key): every stage of the sweep once, then every cell."""
    seen: set[str] = set()
    for cell in sweep.cells:
        for stage in sweep.last_stage(cell).lineage():
            if stage.key not in seen:
                seen.add(stage.key)
                yield store.state(stage), stage.label, f"{stage.kind}-{stage.key}"
    for cell in sweep.cells:
        yield "record", str(cell), ""


def run_sweep(sweep: Sweep, store: Store) -> list[Record]:
    """Do every cell and return the records."""
    about = {"versions": machine.versions(), "machine": machine.machine(store.device), "git": machine.git_revision()}
    records = []
    store.display.count("cells", len(sweep.cells))
    for cell in sweep.cells:
        store.ensure(sweep.last_stage(cell))
        record = make_record(sweep, cell, store, about)
        path = write_record(store.root, record)
        if cell.steps is not None:
            write_grid(sample_pixels(sweep, cell, store), path.with_suffix(".png"))
        records.append(record)
        store.display.advance()
        store.display.say(f"{cell}: {record.quality_name} {record.quality:.2f}")
    return records


def sample_pixels(sweep: Sweep, cell: Cell, store: Store) -> np.ndarray:
    """Return a done cell's images, uint8 (N,C,H,W), memory-mapped."""
    assert cell.steps is not None
    stage = sweep.pipeline.samples(sweep.config.method(cell.method), cell.steps, cell.seed)
    return np.load(store.folder(stage) / "samples.npy", mmap_mode="r")


def make_record(sweep: Sweep, cell: Cell, store: Store, about: dict[str, Any]) -> Record:
    """Return the record of a done cell, from the artefacts of its stages."""
    config, images, last = sweep.config, sweep.images, sweep.last_stage(cell)
    metrics = store.read(last, "metrics.json")
    extractor = store.read(sweep.pipeline.reference(), "extractor.json")
    is_fid = extractor["name"].startswith("inception-2015")
    measured = _real_data() if cell.steps is None else _of_method(sweep, cell, cell.steps, store)
    return Record(
        key=digest(
            {"stage": last.key, "method": cell.method, "steps": cell.steps, "config": config.model_dump(mode="json")}
        ),
        dataset=images.name,
        dataset_sha256=images.sha256,
        preprocessing=images.preprocessing,
        resolution=config.resolution,
        method=cell.method,
        steps=cell.steps,
        seed=cell.seed,
        scale=config.scale,
        images=metrics["images"],
        reference_images=metrics["reference_images"],
        feature_space=extractor["name"],
        feature_sha256=extractor["weights_sha256"],
        fid=metrics["distance"] if is_fid else None,
        fd=None if is_fid else metrics["distance"],
        fd_method=metrics["path"],
        is_mean=metrics["is_mean"],
        is_std=metrics["is_std"],
        config=config.model_dump(mode="json"),
        **measured,
        **about,
    )


def _real_data() -> dict[str, Any]:
    names = ("nfe", "grid", "timesteps", "wall_seconds", "images_per_second", "gpu_peak_bytes", "rss_peak_bytes",
             "teacher_seconds", "teacher_evaluations", "train_seconds", "train_evaluations", "folds")  # fmt: skip
    return dict.fromkeys(names) | {"sampling": {}, "reasons": dict.fromkeys(names, "real images are not generated")}


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


def check_device(device: str) -> str:
    """Return a device that is there. Raises InputError."""
    there = ["cpu"] + [f"cuda:{i}" for i in range(torch.cuda.device_count())] + ["cuda"] * torch.cuda.is_available()
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device not in there:
        raise InputError(f"--device: '{device}' given, possible here: auto, {', '.join(there)}")
    return device


def check_writable(folder: Path, option: str = "--out") -> Path:
    """Make a folder and return it. Raises InputError where it cannot be made or written to."""
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"{option}: '{folder}' given, but it cannot be written ({error.strerror}); name a folder you may write to"
        ) from None
    return folder
