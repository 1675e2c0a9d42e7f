"""The cells of a sweep: which method at which step count under which seed, and the stages each needs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.config import Config
from bench.datasets.dataset import Images
from bench.pipeline import Pipeline, plural
from bench.records import REAL
from bench.stages import Stage
from sfddm.errors import InputError

QUALITY, COST = "quality", "cost"  # what is measured of a cell


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
    metrics: tuple[str, ...] = (QUALITY, COST)

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

    def cost_stage(self, cell: Cell, device: str) -> Stage | None:
        """Return the stage that measures what a cell's sampling costs on a device; None where that is not asked for."""
        if cell.steps is None or COST not in self.metrics:
            return None
        return self.pipeline.cost(self.config.method(cell.method), cell.steps, device)

    def stages(self, cell: Cell, device: str) -> Iterator[Stage]:
        """Yield all stages of a cell, each after those it needs."""
        yield from self.last_stage(cell).lineage()
        cost = self.cost_stage(cell, device)
        if cost is not None:
            yield cost


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
