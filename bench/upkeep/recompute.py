"""Redoing parts of a recorded cell from its record alone: its measurements, its first images."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import numpy as np
from pydantic import ValidationError

from bench.config.settings import Config
from bench.datasets.dataset import Images
from bench.datasets.registry import load
from bench.metrics.cmmd import SIGMA
from bench.metrics.extractors import WeightFiles
from bench.metrics.frechet import gaussian
from bench.metrics.jackknife import GROUPS
from bench.metrics.spaces import feature_weights
from bench.records.measured import CONSISTENCY, INTERPOLATION, JUDGING, PATHS, PROTOCOL, QUALITY, SAMPLES, read_quality
from bench.records.record import Record
from bench.run.sweep import Cell, Resolver
from bench.run.worker import Worker
from bench.stages.context import Context, make_context
from bench.stages.features import FEATURES, read_features
from bench.stages.interpolation import measure
from bench.stages.samples import sampling_task
from bench.stages.sampling import ShardSampler, read_samples
from bench.store.files import flat, read_object
from bench.store.layout import RunFolder
from bench.store.progress import Display
from bench.store.stage import Job, Stage
from bench.store.store import Store
from bench.upkeep.verify import Verification
from sfddm.errors import InputError, first_fault
from sfddm.files import writing
from sfddm.performance import Performance

# Relative. The same float64 arithmetic on another processor's BLAS moves a distance by about 1e-9 of it.
METRIC_TOLERANCE = 1e-6
FLOAT32 = 10.0  # times as much of what is found in float32
# Of features that a network computes again in float32, on another processor or with other threads; and what a measure
# near zero, such as a cosine or SSIM of unrelated images, is relative to.
NETWORK_TOLERANCE, NETWORK_SCALE = 1e-4, 1.0
# Images in uint8 by other arithmetic, such as another device's or a compiler's: a value may round to its neighbour.
LARGEST_STEP, MOST_VALUES = 1, 0.01


class Recomputation:
    """Does cells of one run folder again and compares the outcome with what is stored there."""

    def __init__(
        self,
        run: RunFolder,
        device: str,
        data_root: Path | None,
        files: WeightFiles,
        result: Verification,
        display: Display,
    ):
        self.worker = Worker(run.root, device, display)
        self.store, self.files, self.result = self.worker.store, files, result

        @cache
        def images(dataset: str, resolution: int, held_out: float) -> Images:
            return load(dataset, resolution, data_root, held_out)

        self.images = images

    def cell(self, path: Path, record: Record, features: bool) -> tuple[Context, Cell]:
        """Return a record's cell with the context of its stages; features: whether those of features are wanted."""
        try:
            config = Config.model_validate(record.config)
        except ValidationError as error:
            place, fault = first_fault(error)
            raise InputError(f"{path}: its config.{place} is none of this version's ({fault})") from None
        device = self.worker.device
        if (ran := record.machine.get("performance")) and record.machine.get("device") == device:
            config = config.model_copy(update={"performance": Performance.model_validate(ran)})  # to the same bits
        images = self.images(record.dataset, record.resolution, config.data.held_out)
        if images.sha256 != record.dataset_sha256:
            self.result.differs(
                path,
                f"was made of {record.dataset} with sha256 {record.dataset_sha256[:12]}, "
                f"the one here has {images.sha256[:12]}",
            )
        weights = feature_weights(config, images, self.files, dry_run=not features, needed=features)
        context = make_context(config, images, weights, device)
        resolver = Resolver(context, ("quality",))
        if record.steps is None:
            return context, resolver.floor(record.seed)
        return context, resolver.cell(record.method, record.steps, record.seed, config.budget)

    def recompute_metrics(self, path: Path, record: Record) -> None:
        """Compute a record's measurements from what is stored and compare; a failed cell has none."""
        if record.failure is not None:
            return
        context, cell = self.cell(path, record, features=True)
        self._keys(path, record, cell)
        for stage in cell.measures["quality"].lineage:
            if stage.kind in JUDGING and self._here(path, stage, "features"):
                self._recompute(stage, record.feature_space)
                self.result.checked["metrics recomputed"] += 1
        recorded = set(record.parents.values())
        consistent, interpolated = cell.measures.get("consistency"), cell.measures.get("interpolation")
        if consistent and consistent.key in recorded and self._here(path, consistent, "consistency"):
            self._again(consistent, CONSISTENCY, consistent.work)
        if interpolated and interpolated.key in recorded and self._here(path, interpolated, "interpolation"):
            self._again(interpolated, INTERPOLATION, lambda job: self._paths(context, interpolated, job))

    def _keys(self, path: Path, record: Record, cell: Cell) -> None:
        """Compare a record's key, grid and parents with those that its settings give; a cost is one machine's."""
        if cell.kind is not None and cell.steps is not None and record.grid != cell.kind.grid(cell.steps):
            self.result.differs(path, f"grid is {record.grid}, its settings give {cell.kind.grid(cell.steps)}")
        if record.config["teacher"]["weights"] is None and record.key != cell.key:
            self.result.differs(path, f"its key is {record.key[:12]}, its settings and data give {cell.key[:12]}")
        stages = {stage.label: stage for end in cell.measures.values() for stage in end.lineage if stage.kind != "cost"}
        for label, key in record.parents.items():
            if label in stages and stages[label].key != key:
                self.result.differs(path, f"{label} has key {key}, its settings and data give {stages[label].key}")

    def _paths(self, context: Context, stage: Stage, job: Job) -> None:
        """Measure the stored images of paths again."""
        points = np.load(self.store.path(stage, PATHS), mmap_mode="r", allow_pickle=False)
        with writing(job.folder / PATHS) as file:
            np.save(file, points.reshape(-1, *points.shape[3:]))
        measure(job, context, points.shape[1])

    def _again(self, stage: Stage, file: str, work: Callable[[Job], None]) -> None:
        """Do a measurement again, apart from the stage's folder, and compare the file it writes."""
        with TemporaryDirectory() as scratch:
            try:
                work(self.worker.job(stage, Path(scratch)))
                stored = flat(self.store.read(stage, file))
                again = flat(read_object(Path(scratch) / file))
            except Exception as error:
                self.result.differs(self.store.path(stage), f"cannot be recomputed from what is stored ({error})")
                return
        self.result.checked[f"{stage.kind} recomputed"] += 1
        for line in unequal(stored, again, dict.fromkeys([*stored, *again], NETWORK_SCALE), NETWORK_TOLERANCE):
            self.result.differs(self.store.path(stage, file), line)

    def _here(self, path: Path, stage: Stage, what: str) -> bool:
        """Tell whether a stage and its parents are done here; a missing one is a difference."""
        absent = [needed.label for needed in (*stage.parents, stage) if not self.store.is_done(needed)]
        if absent:
            self.result.differs(path, f"its {what} cannot be checked: not here are {', '.join(absent)}")
        return not absent

    def _recompute(self, stage: Stage, space: str) -> None:
        folder = self.store.path(stage)
        with TemporaryDirectory() as scratch:
            try:
                stage.work(self.worker.job(stage, Path(scratch)))
                stored, again = (as_values(place, space) for place in (folder, Path(scratch)))
            except Exception as error:
                self.result.differs(folder, f"cannot be recomputed from its features ({error})")
                return
        scales = scales_of(self.store, stage)
        for file in (QUALITY, PROTOCOL):
            for line in unequal(stored[file], again[file], scales):
                self.result.differs(folder / file, line)

    def resample(self, path: Path, record: Record, wanted: int) -> None:
        """Sample a record's first images again and compare them with the stored ones, to the pixel."""
        if record.steps is None or record.failure is not None:
            return
        context, cell = self.cell(path, record, features=False)
        assert cell.samples is not None
        if not self._here(path, cell.samples, "images"):
            return
        try:
            stored = np.asarray(read_samples(self.store.path(cell.samples, SAMPLES))[:wanted])
            again = self._sample(context, cell, cell.samples, len(stored))
        except (OSError, ValueError) as error:
            self.result.differs(self.store.path(cell.samples), f"its images cannot be compared ({error})")
            return
        self.result.checked["images regenerated"] += len(again)
        if (different := again != stored).any():
            count = int(different.reshape(len(different), -1).any(1).sum())
            largest = int(np.abs(again.astype(int) - stored).max())
            if self._ran_otherwise(record) and largest <= LARGEST_STEP and different.mean() <= MOST_VALUES:
                self.result.notes.append(
                    f"{path}: sampled on another device or compiled otherwise; {different.sum()} of {different.size} "
                    f"values differ by {largest} of 255, which rounding explains"
                )
                return
            self.result.differs(
                path,
                f"{count} of {len(again)} images regenerated on {self.worker.device} differ, in "
                f"{different.sum()} of {different.size} values by up to {largest} of 255 "
                f"(sampled on {record.machine.get('device')})",
            )

    def _ran_otherwise(self, record: Record) -> bool:
        """Tell whether a record's images were sampled by other arithmetic than is used here: then bits may differ."""
        return record.machine.get("device") != self.worker.device or bool(record.machine.get("compile"))

    def _sample(self, context: Context, cell: Cell, samples: Stage, count: int) -> np.ndarray:
        """Return the first images, unit by unit, as they were sampled."""
        assert cell.kind is not None
        assert cell.steps is not None
        job, parts = self.worker.job(samples), []
        with (
            sampling_task(job, context, cell.kind, cell.steps, cell.seed, cell.models[-1]) as task,
            job.display.task(f"regenerating {samples.label}", count, "images") as update,
        ):
            sampler = ShardSampler(task, job.device)
            for start in range(0, count, sampler.size):
                parts.append(sampler.unit(start))
                update(min(count, start + sampler.size))
        return np.concatenate(parts)[:count]


def as_values(folder: Path, space: str) -> dict[str, dict[str, Any]]:
    """Return what a stage measured and under which protocol, flat, by the file it is in."""
    quality, protocol, reasons = read_quality(folder, space)
    measured = json.loads(quality.model_dump_json())
    return {QUALITY: flat(measured) | {"reasons": reasons}, PROTOCOL: protocol.model_dump()}


def scales_of(store: Store, stage: Stage) -> dict[str, float]:
    """Return, by name, the scale of what numbers that may be near zero are computed from.

    A Frechet distance is a difference of traces; min_eigenvalue is the least of a matrix whose largest eigenvalue is at
    most the product of the traces; KID is a difference of means of the kernel (|x|^2 / d + 1)^3, and CMMD of one
    that is below 1 by |x - y|^2 / (2 sigma^2); the distance between real images is that of float32 squares.
    """
    traces, squares, lengths = [], [], []
    for parent in stage.lineage:
        if parent.kind in ("features", "reference", "held-out"):
            features = read_features(store.path(parent, FEATURES)).features
            found = gaussian(features)
            traces.append(found.cov.trace().item())
            square = traces[-1] * (1 - 1 / found.count) + found.mean.square().sum().item()
            squares.append(square / features.shape[1])
            lengths.append(square**0.5)
    trace, kernel = max(traces), (max(squares) + 1) ** 3
    distances = {"memorisation.real_nearest": FLOAT32 * max(lengths), "memorisation.nearest_ratio": FLOAT32}
    scales = {f"{metric}.{name}": trace for metric in ("distance", "held_out") for name in ("value", "low", "high")}
    corrected = (2 * GROUPS - 1) * trace  # so many times a distance goes into it
    scales |= {"distance.infinity": corrected, "fresh.distance": corrected, "fresh.measured": trace}
    scales["cmmd.value"] = 2 * max(lengths) ** 2 / SIGMA**2
    return scales | distances | {"distance.min_eigenvalue": max(trace, trace**2), "kid.mean": kernel, "kid.sd": kernel}


def unequal(
    stored: dict[str, Any],
    again: dict[str, Any],
    scales: Mapping[str, float] = MappingProxyType({}),
    tolerance: float = METRIC_TOLERANCE,
) -> list[str]:
    """Return `name is stored, recomputed it is again` for each value that differs by more than the tolerance.

    The tolerance is relative to the values, or to the scale that they are computed from, if that is larger.
    """
    names = dict.fromkeys([*stored, *again])
    return [
        f"{name} is {stored.get(name)}, recomputed it is {again.get(name)}"
        for name in names
        if not _close(stored.get(name), again.get(name), scales.get(name, 0.0), tolerance)
    ]


def _close(stored: Any, again: Any, scale: float, tolerance: float) -> bool:
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (stored, again))
    if numbers and abs(stored - again) <= tolerance * max(abs(stored), abs(again), scale):
        return True
    return bool(stored == again)
