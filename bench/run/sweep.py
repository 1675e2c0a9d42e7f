"""The cells of a sweep: which method at which step count under which seed, and the stages each needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.config.settings import Config
from bench.config.variants import canonical
from bench.datasets.dataset import Images
from bench.metrics import METRICS
from bench.records.record import REAL
from bench.stages.latent_stages import consistency_stage, interpolation_stage
from bench.stages.pipeline import Pipeline, plural
from bench.store.store import Stage
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
    metrics: tuple[str, ...] = METRICS
    device: str = "cpu"  # of the cost, which is that of one machine

    @cached_property
    def pipeline(self) -> Pipeline:
        """The stage builder."""
        return Pipeline(self.config, self.images, self.inception)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What of the configuration decides numbers, as plain values."""
        return self.config.identity()

    @cached_property
    def _measurements(self) -> dict[Cell, dict[str, Stage]]:
        return {}

    def measurements(self, cell: Cell) -> dict[str, Stage]:
        """Return the stage that ends each metric that a cell can have, by name, asked for or not."""
        if cell not in self._measurements:
            self._measurements[cell] = self._build(cell)
        return self._measurements[cell]

    def _build(self, cell: Cell) -> dict[str, Stage]:
        pipeline, quality = self.pipeline, self.pipeline.quality
        if cell.steps is None:
            return {"quality": quality.floor(cell.seed)}
        method, steps, seed = self.config.method(cell.method), cell.steps, cell.seed
        return {
            "quality": quality.metrics(quality.features(pipeline.samples(method, steps, seed))),
            "consistency": consistency_stage(pipeline, method, steps, seed),
            "interpolation": interpolation_stage(pipeline, method, steps, seed),
            "cost": pipeline.cost(method, steps, self.device),
        }

    def last_stage(self, cell: Cell) -> Stage:
        """Return the stage that judges a cell's images; a cell is named by its key, whatever is asked for."""
        return self.measurements(cell)["quality"]

    def stages(self, cell: Cell) -> list[Stage]:
        """Return all stages of a cell, each after those it needs: its samples, and each metric asked for."""
        ends = [stage for name, stage in self.measurements(cell).items() if name in self.metrics]
        if cell.steps is not None:
            ends.insert(0, self.pipeline.samples(self.config.method(cell.method), cell.steps, cell.seed))
        return list({stage.key: stage for end in ends for stage in end.lineage()}.values())


def methods_by_steps(methods: Sequence[str], steps: Sequence[int]) -> list[tuple[str, int]]:
    """Return every method at every step count."""
    return [(canonical(name), count) for count in steps for name in methods]


def check_cells(config: Config, wanted: Sequence[tuple[str, int]]) -> None:
    """Raise InputError for a step count or grid that a method cannot do, and for too few images."""
    for name, count in wanted:
        method = config.method(name)
        method.timesteps(count)
        config.folds(method, count)
    splits = config.evaluation.splits
    if config.evaluation.images < splits:
        raise InputError(f"--images: {config.evaluation.images} given, at least {splits} needed (evaluation.splits)")


def make_sweep(
    config: Config, images: Images, wanted: Sequence[tuple[str, int]], seeds: Sequence[int],
    inception: Path | None = None, metrics: Sequence[str] = METRICS, device: str = "cpu",
) -> Sweep:  # fmt: skip
    """Return the sweep of (method, steps) under each seed, every cell checked. Raises InputError."""
    for name in metrics:
        if name not in METRICS:
            raise InputError(f"--metrics: '{name}' given, possible: {', '.join(METRICS)}")
    check_cells(config, wanted)
    floors = [Cell(REAL, None, seed) for seed in seeds if "quality" in metrics]
    cells = [Cell(name, count, seed) for seed in seeds for name, count in dict.fromkeys(wanted)]
    return Sweep(config, images, (*floors, *cells), inception, tuple(metrics), device)
