"""Doing parts of a recorded cell again, from its record alone: its metrics from the stored features, its first images."""

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pydantic import ValidationError

from bench.commands.checks import check_device
from bench.config.settings import Config
from bench.datasets.dataset import Images
from bench.datasets.registry import load
from bench.metrics.spaces import inception_weights
from bench.records.record import Record
from bench.run.local import sample_pixels
from bench.run.sweep import Cell, Sweep
from bench.stages.sampling import ShardSampler
from bench.stages.training import MODEL
from bench.store.progress import Display
from bench.store.store import Stage, Store
from bench.upkeep.verify import ENDS, Verification
from sfddm.checkpoint import load_denoiser
from sfddm.errors import InputError
from sfddm.performance import Performance

# Relative. The same float64 arithmetic on another processor's BLAS moves a distance by about 1e-9 of it.
METRIC_TOLERANCE = 1e-6


class Reproduction:
    """Does cells of one run folder again and holds the outcome against what is stored there."""

    def __init__(self, root: Path, device: str, data_root: Path | None, inception: Path | None,
                 result: Verification, display: Display):  # fmt: skip
        self.store = Store(root, check_device(device), display)
        self.inception, self.result = inception, result

        @cache
        def images(dataset: str, resolution: int) -> Images:
            return load(dataset, resolution, data_root)

        self.images = images

    def cell(self, path: Path, record: Record, features: bool) -> tuple[Sweep, Cell]:
        """Return a record's cell, its stages ready to be built; features: whether those of features are wanted."""
        try:
            config = Config.model_validate(record.config)
        except ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(map(str, fault["loc"]))
            raise InputError(f"{path}: its config.{place} is none of this version's ({fault['msg']})") from None
        if (ran := record.machine.get("performance")) and record.machine.get("device") == self.store.device:
            config = config.model_copy(update={"performance": Performance.model_validate(ran)})  # to the same bits
        images = self.images(record.dataset, record.resolution)
        if images.sha256 != record.dataset_sha256:
            self.result.differs(path, f"was made of {record.dataset} with sha256 {record.dataset_sha256[:12]}, "
                                f"the one here has {images.sha256[:12]}")  # fmt: skip
        cell = Cell(record.method, record.steps, record.seed)
        return Sweep(config, images, (cell,), inception_weights(config, self.inception, dry_run=not features)), cell

    def recompute_metrics(self, path: Path, record: Record) -> None:
        """Compute a record's metrics from the stored features and compare; a failed cell has none."""
        if record.failure is not None:
            return
        sweep, cell = self.cell(path, record, features=True)
        for stage in {stage.key: stage for stage in sweep.last_stage(cell).lineage()}.values():
            if stage.kind in ENDS and self._here(path, stage, "features"):
                self._recompute(self.store.folder(stage), stage)
                self.result.checked["metrics recomputed"] += 1

    def _here(self, path: Path, stage: Stage, what: str) -> bool:
        """Tell whether a stage and its parents are done here; a missing one is a difference."""
        absent = [needed.label for needed in (*stage.parents, stage) if not self.store.is_done(needed)]
        if absent:
            self.result.differs(path, f"its {what} cannot be checked: not here are {', '.join(absent)}")
        return not absent

    def _recompute(self, folder: Path, stage: Stage) -> None:
        with TemporaryDirectory() as scratch:
            try:
                stage.work(Path(scratch), self.store)
            except Exception as error:
                self.result.differs(folder, f"cannot be recomputed from its features ({error})")
                return
            for file in sorted(Path(scratch).glob("*.json")):
                stored = self._read(folder / file.name)
                for line in differences(stored, json.loads(file.read_text())):
                    self.result.differs(folder / file.name, line)

    def _read(self, path: Path) -> Any:
        try:
            return json.loads(path.read_text())
        except (OSError, ValueError):
            return None

    def resample(self, path: Path, record: Record, wanted: int) -> None:
        """Sample a record's first images again and compare them with the stored ones, to the pixel."""
        if record.steps is None or record.failure is not None:
            return
        sweep, cell = self.cell(path, record, features=False)
        method = sweep.config.method(cell.method)
        stage = sweep.pipeline.samples(method, record.steps, cell.seed)
        if not self._here(path, stage, "images"):
            return
        try:
            stored = np.asarray(sample_pixels(sweep, cell, self.store)[:wanted])
            again = self._sample(sweep, cell, stage, len(stored))
        except (OSError, ValueError) as error:
            self.result.differs(self.store.folder(stage), f"its images cannot be compared ({error})")
            return
        self.result.checked["images regenerated"] += len(again)
        if (unequal := again != stored).any():
            count = int(unequal.reshape(len(unequal), -1).any(1).sum())
            largest = int(np.abs(again.astype(int) - stored).max())
            self.result.differs(path, f"{count} of {len(again)} images regenerated on {self.store.device} differ, in "
                                f"{unequal.sum()} of {unequal.size} values by up to {largest} of 255 "
                                f"(sampled on {record.machine.get('device')})")  # fmt: skip

    def _sample(self, sweep: Sweep, cell: Cell, stage: Stage, count: int) -> np.ndarray:
        """Return the first images, unit by unit, as they were sampled."""
        assert cell.steps is not None
        denoiser = load_denoiser(self.store.folder(stage.parents[0]) / MODEL)[0].to(self.store.device)
        shape = sweep.images.pixels.shape[1:]
        method, device = sweep.config.method(cell.method), self.store.device
        parts = []
        with (
            sweep.config.performance.sampling(denoiser) as fast,
            self.store.display.task(f"regenerating {stage.label}", count, "images") as update,
        ):
            sampler = ShardSampler(method, fast, cell.steps, cell.seed, shape, device)
            for start in range(0, count, sampler.size):
                parts.append(sampler.unit(start))
                update(min(count, start + sampler.size))
        return np.concatenate(parts)[:count]


def differences(stored: Any, again: Any, name: str = "") -> list[str]:
    """Return `name: stored, recomputed` for each leaf in which two JSON values differ by more than the tolerance."""
    if isinstance(stored, dict) and isinstance(again, dict):
        names = dict.fromkeys([*stored, *again])
        return [
            line for key in names for line in differences(stored.get(key), again.get(key), f"{name}.{key}".strip("."))
        ]
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (stored, again))
    if numbers and abs(stored - again) <= METRIC_TOLERANCE * max(abs(stored), abs(again)):
        return []
    return [] if stored == again else [f"{name} is {stored}, recomputed it is {again}"]
