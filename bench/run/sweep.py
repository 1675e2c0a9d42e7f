"""A sweep: the cells of methods x steps x seeds, each resolved once into all that it needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.config.settings import Config
from bench.datasets.dataset import Images
from bench.metrics import METRICS, check_metrics
from bench.records.pictures import sheet_png
from bench.records.record import REAL, cell_name, own_settings, set_name
from bench.stages import (
    consistency,
    cost,
    features,
    floor,
    fold,
    full_length,
    interpolation,
    metrics,
    reference,
    samples,
    statistics,
)
from bench.stages.context import Context, make_context
from bench.store.files import digest
from bench.store.requests import RequestedCell, RequestedSweep
from bench.store.stage import Stage, unique
from sfddm.errors import InputError
from sfddm.method import Method
from sfddm.words import plural


@dataclass(frozen=True, eq=False)
class Cell:
    """One row of the results to be: a method at a step count under a seed, or the real data's own values.

    kind: the method with its settings; models: the teacher and the folds; samples: its images; None and empty for the
    real data. measures: the stage that ends each metric that the cell can have, asked for or not. stages: all that were
    asked for, each after those it needs. key: of the record the cell has or will have, whatever metrics are asked for.
    """

    method: str
    steps: int | None
    seed: int
    kind: Method | None
    models: tuple[Stage, ...]
    samples: Stage | None
    measures: dict[str, Stage]
    stages: tuple[Stage, ...]
    key: str

    def __str__(self) -> str:
        steps = "" if self.steps is None else f", {plural(self.steps, 'step')}"
        return f"{self.method}{steps}, seed {self.seed}"

    @property
    def record_name(self) -> str:
        """The name of its record's file without ending."""
        return cell_name(self.method, self.steps, self.seed, self.key)


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a run does: the context of its stages, its cells, and what it was asked for."""

    context: Context
    cells: tuple[Cell, ...]
    wanted: tuple[tuple[str, int], ...]
    seeds: tuple[int, ...]
    metrics: tuple[str, ...]

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """Every stage of the sweep once, parents before what needs them."""
        return unique(stage for cell in self.cells for stage in cell.stages)

    @cached_property
    def real_images(self) -> bytes:
        """A contact sheet of the dataset's first images, as PNG."""
        return sheet_png(self.context.images.pixels)

    @property
    def set_name(self) -> str:
        """The name of the set of records that its cells belong to."""
        config = self.context.config
        return set_name(self.context.images.name, config.resolution, config.scale)

    def request(self) -> RequestedSweep:
        """Return what is asked for, as it is kept in the run folder: each cell with its record and its stages."""
        config = self.context.config
        cells = [
            RequestedCell(
                method=cell.method,
                steps=cell.steps,
                seed=cell.seed,
                record=f"records/{self.set_name}/{cell.record_name}.json",
                stages=tuple(stage.name for stage in cell.stages),
            )
            for cell in self.cells
        ]
        return RequestedSweep(
            dataset=self.context.images.name,
            resolution=config.resolution,
            scale=config.scale,
            cells=tuple(cells),
        )


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
    config: Config,
    images: Images,
    wanted: Sequence[tuple[str, int]],
    seeds: Sequence[int],
    weights: Path | None = None,
    asked: Sequence[str] = METRICS,
    device: str = "cpu",
) -> Sweep:
    """Return the sweep of (method, steps) under each seed, every cell checked. Raises InputError.

    weights: the file of the features' network, if it is one; asked: what is measured of each cell; device: of its cost.
    """
    check_metrics(asked)
    check_cells(config, wanted)
    context, chosen = make_context(config, images, weights, device), tuple(dict.fromkeys(wanted))
    resolver = Resolver(context, tuple(asked))
    cells = [resolver.floor(seed) for seed in seeds if "quality" in asked]
    cells += [resolver.cell(name, count, seed) for seed in seeds for name, count in chosen]
    return Sweep(context, tuple(cells), chosen, tuple(seeds), tuple(asked))


class Resolver:
    """Makes cells with their stages; what cells share is built once."""

    def __init__(self, context: Context, asked: tuple[str, ...]):
        self.context, self.asked = context, asked
        self.reference = reference.stage(context)
        self.statistics = statistics.stage(context, self.reference)
        self.full_length: dict[int, tuple[Stage, Stage]] = {}  # by seed: the images, and their features

    def floor(self, seed: int) -> Cell:
        """Return the cell of the real data's own values."""
        measures = {"quality": floor.stage(self.context, self.reference, seed)}
        key = digest({"stage": measures["quality"].key, "method": REAL})
        return Cell(REAL, None, seed, None, (), None, measures, self._stages(None, measures), key)

    def cell(self, name: str, steps: int, seed: int) -> Cell:
        """Return a method's cell."""
        context = self.context
        method = context.config.method(name)
        models = fold.models(context, method, steps, seed)
        images = samples.stage(context, method, steps, seed, models[-1])
        own_features = features.stage(context, images)
        full, full_features = self._full_length(seed, models[0])
        measures = {
            "quality": metrics.stage(context, own_features, self.reference, self.statistics),
            "consistency": consistency.stage(context, images, full, full_features),
            "interpolation": interpolation.stage(context, method, steps, seed, models[-1], images),
            "cost": cost.stage(context, method, steps),
        }
        key = self._key(name, steps, measures["quality"])
        return Cell(name, steps, seed, method, models, images, measures, self._stages(images, measures), key)

    def _full_length(self, seed: int, teacher: Stage) -> tuple[Stage, Stage]:
        if seed not in self.full_length:
            images = full_length.stage(self.context, seed, teacher)
            self.full_length[seed] = images, features.stage(self.context, images)
        return self.full_length[seed]

    def _key(self, name: str, steps: int, judged: Stage) -> str:
        """Return a record's key. Other methods' settings do not enter it: runs that differ in nothing else share it."""
        config: dict[str, Any] = own_settings(self.context.settings, name)
        return digest({"stage": judged.key, "method": name, "steps": steps, "config": config})

    def _stages(self, images: Stage | None, measures: dict[str, Stage]) -> tuple[Stage, ...]:
        ends = [*([images] if images else []), *(stage for name, stage in measures.items() if name in self.asked)]
        return unique(stage for end in ends for stage in end.lineage)
