"""A sweep: the cells of methods x steps x seeds, each resolved once into all that it needs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.config.counts import short
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
    held_out,
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
from sfddm.method import Fold, Method
from sfddm.words import plural

FIRST_SPACE_ONLY = ("consistency", "interpolation")  # metrics that are not measured in a run's further feature spaces


@dataclass(frozen=True, eq=False)
class Cell:
    """One row of the results to be: a method at a step count under a budget and a seed, or the real data's own values.

    kind: the method with its settings; models: the teacher and the folds; samples: its images; None and empty for the
    real data. measures: the stage that ends each metric that the cell can have, asked for or not. stages: all that were
    asked for, each after those it needs. key: of the record the cell has or will have, whatever metrics are asked for.
    context: of its stages, under its budget. share, init: of the student, as its record has them. further: it judges
    images in a feature space besides the run's first.
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
    context: Context
    share: float | None = None
    init: str | None = None
    further: bool = False

    @property
    def budget(self) -> int | None:
        """The network evaluations that its training may make; None: as its settings say, or nothing is trained."""
        return self.context.config.budget

    def __str__(self) -> str:
        steps = "" if self.steps is None else f", {plural(self.steps, 'step')}"
        budget = "" if self.budget is None else f", {short(self.budget)}"
        space = f", in {self.context.space.name}" if self.further else ""
        return f"{self.method}{steps}{budget}, seed {self.seed}{space}"

    @property
    def record_name(self) -> str:
        """The name of its record's file without ending."""
        return cell_name(self.method, self.steps, self.seed, self.key, self.budget)


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a run does: the context of its stages, its cells, and what it was asked for; that without any budget.

    further: feature spaces besides the context's, each with its weight file.
    """

    context: Context
    cells: tuple[Cell, ...]
    wanted: tuple[tuple[str, int], ...]
    seeds: tuple[int, ...]
    metrics: tuple[str, ...]
    budgets: tuple[int, ...] = ()
    further: tuple[tuple[str, Path | None], ...] = ()

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
                budget=cell.budget,
                space=cell.context.space.name if cell.further else None,
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


def check_cells(config: Config, wanted: Sequence[tuple[str, int]], budgets: Sequence[int] = ()) -> None:
    """Raise InputError for a step count or grid that a method cannot do, too small a budget, and too few images."""
    least = config.at(min(budgets, default=None))
    for name, count in wanted:
        method = config.method(name)
        method.timesteps(count)
        least.folds(method, count)
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
    budgets: Sequence[int] = (),
    further: Sequence[tuple[str, Path | None]] = (),
) -> Sweep:
    """Return the sweep of (method, steps) under each seed and budget, every cell checked. Raises InputError.

    weights: the file of the features' network, if it is one; asked: what is measured of each cell; device: of its cost.
    budgets: network evaluations in training; none: as the settings say. What is not trained has one cell for all.
    further: other feature spaces, each with its weights; the same images have a cell for each, with their quality there
    and what they cost.
    """
    check_metrics(asked)
    budgets = sorted(set(budgets))  # the smaller first: their trainings go on to the larger
    check_cells(config, wanted, budgets)
    context, chosen = make_context(config, images, weights, device), tuple(dict.fromkeys(wanted))
    resolvers = [Resolver(context, tuple(asked), budgets)]
    for space, file in further:
        beside = make_context(config.judged_in(space), images, file, device)
        again = tuple(name for name in asked if name not in FIRST_SPACE_ONLY)
        resolvers.append(Resolver(beside, again, budgets, further=True))
    cells = tuple(cell for resolver in resolvers for cell in resolver.cells(chosen, seeds))
    return Sweep(context, cells, chosen, tuple(seeds), tuple(asked), tuple(budgets), tuple(further))


class Resolver:
    """Makes cells with their stages; what cells share is built once. budgets: of the run, the smallest first.

    further: the context's feature space is not the run's first.
    """

    def __init__(self, context: Context, asked: tuple[str, ...], budgets: Sequence[int] = (), further: bool = False):
        self.context, self.asked, self.budgets, self.further = context, asked, budgets, further
        self.reference = reference.stage(context)
        self.statistics = statistics.stage(context, self.reference)
        self.held_out = held_out.stage(context, self.reference)
        self.full_length: dict[int, tuple[Stage, Stage]] = {}  # by seed: the images, and their features

    def cells(self, wanted: Sequence[tuple[str, int]], seeds: Sequence[int]) -> Iterator[Cell]:
        """Yield the real data's cells, and those of (method, steps) under each seed and budget."""
        if "quality" in self.asked:
            yield from map(self.floor, seeds)
        for number, budget in enumerate(self.budgets or [None]):  # a whole smaller table before the next
            found = (self.cell(name, count, seed, budget) for seed in seeds for name, count in wanted)
            yield from (cell for cell in found if number == 0 or cell.budget is not None)

    def floor(self, seed: int) -> Cell:
        """Return the cell of the real data's own values."""
        measures = {"quality": floor.stage(self.context, self.reference, self.statistics, self.held_out, seed)}
        key = digest({"stage": measures["quality"].key, "method": REAL})
        stages = self._stages(None, measures)
        return Cell(REAL, None, seed, None, (), None, measures, stages, key, self.context, further=self.further)

    def cell(self, name: str, steps: int, seed: int, budget: int | None = None) -> Cell:
        """Return a method's cell; one that trains nothing has no budget."""
        method = self.context.config.method(name)
        context = self.context.at(budget)
        if not (folds := context.config.folds(method, steps)):
            context = self.context.at(None)
        if context.config.budget is not None:
            method.label = f"{name} ({short(context.config.budget)})"
        larger = [one for one in self.budgets if budget is not None and one > budget]
        models = fold.models(context, method, steps, seed, folds, larger)
        images = samples.stage(context, method, steps, seed, models[-1])
        own_features = features.stage(context, images)
        full, full_features = self._full_length(seed, models[0])
        measures = {
            "quality": metrics.stage(context, own_features, self.reference, self.statistics, self.held_out),
            "consistency": consistency.stage(context, images, full, full_features),
            "interpolation": interpolation.stage(context, method, steps, seed, models[-1], images),
            "cost": cost.stage(context, method, steps),
        }
        stages, key = self._stages(images, measures), key_of(context, name, steps, measures["quality"])
        share, init = share_of(context.config, folds), folds[0].begins if folds else None
        own = (method, models, images, measures, stages, key, context, share, init)
        return Cell(name, steps, seed, *own, further=self.further)

    def _full_length(self, seed: int, teacher: Stage) -> tuple[Stage, Stage]:
        if seed not in self.full_length:
            images = full_length.stage(self.context, seed, teacher)
            self.full_length[seed] = images, features.stage(self.context, images)
        return self.full_length[seed]

    def _stages(self, images: Stage | None, measures: dict[str, Stage]) -> tuple[Stage, ...]:
        ends = [*([images] if images else []), *(stage for name, stage in measures.items() if name in self.asked)]
        return unique(stage for end in ends for stage in end.lineage)


def key_of(context: Context, name: str, steps: int, judged: Stage) -> str:
    """Return a record's key. Other methods' settings do not enter it: runs that differ in nothing else share it."""
    config: dict[str, Any] = own_settings(context.settings, name)
    return digest({"stage": judged.key, "method": name, "steps": steps, "config": config})


def share_of(config: Config, folds: Sequence[Fold]) -> float | None:
    """Return how many images a student's folds are trained on, over its teacher's; None if either is not trained."""
    if not folds or config.teacher.weights is not None:
        return None
    return sum(fold.images for fold in folds) / (config.teacher.batch * config.teacher.iterations)
