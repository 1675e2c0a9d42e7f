"""How much work each stage of a sweep is, counted from its settings before any of it is done: calls, and bytes.

What a stage takes is proportional to an amount of the calls it makes: network evaluations (a backward pass counts 2),
images through the extractor of features, products of the metrics. Seconds come from `speeds.py`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal, get_args

import torch

from bench.metrics.classifier import Classifier
from bench.metrics.inception_network import CLASSES, FEATURES
from bench.metrics.spaces import BuiltSpace, FileSpace
from bench.records.pictures import PAIRS_SHOWN
from bench.run.sweep import Cell, Sweep
from bench.run.trials import (
    Trial,
    classifier_trial,
    distances_trial,
    extractor_trial,
    sampling_trial,
    training_trial,
    untrained_classifier,
)
from bench.stages.classifier import published
from bench.stages.context import Context
from bench.stages.cost import SHORT_STEPS
from bench.stages.interpolation import PATH_NAMES
from bench.stages.sampling import unit_size
from bench.stages.timed import GROUP
from bench.store.files import digest
from bench.store.layout import RESUME, RunFolder
from bench.store.stage import Stage
from sfddm.checkpoint import DenoiserSpec
from sfddm.interpolation import POINTS
from sfddm.method import BACKWARD, FORWARD, Fold
from sfddm.resume import KEPT, NAME, iteration_of
from sfddm.training import REPORT_EVERY, TrainSettings
from sfddm.unet import UNetConfig
from sfddm.unet2d import UNet2DConfig

Part = Literal["teacher", "folds", "sampling", "evaluation"]
PARTS: tuple[Part, ...] = get_args(Part)
DISTANCES = 512  # images of which a trial takes all distances

# Bytes, as runs on digits wrote them.
FEW = 1500  # settings.json, log.txt and done.json of a stage, and a small JSON of its own
A_COST = 3700  # of sampling
A_LOSS = 38  # of a training, in cost.json
A_TENSOR = 110  # its name, shape and place in the header of a file of weights


@dataclass(frozen=True)
class Calls:
    """What seconds are proportional to: calls that take as long wherever they are made on one machine.

    kind: `training`, `sampling`, .. ; of: the network or features that are called; how: what else decides the time.
    """

    kind: str
    of: str
    how: str = ""


@dataclass(frozen=True)
class Work:
    """What a stage takes. amount: of its calls; per_image: the amount of one image of the trial, if there is a trial.

    evaluations: of the denoising network, as experiments count them; units: those that its progress counts, iterations
    or images; 0: none. fixed: seconds by a clock, besides the calls. kept: bytes that stay; passing: bytes that are
    there besides while it works.
    """

    part: Part
    calls: Calls
    amount: float
    kept: int
    passing: int = 0
    evaluations: int = 0
    units: int = 0
    fixed: float = 0.0
    trial: Trial | None = field(default=None, compare=False, repr=False)
    per_image: float = 1.0

    def left(self, units: int) -> "Work":
        """Return the work with only some of its units to do."""
        share = units / self.units
        return replace(self, amount=self.amount * share, evaluations=round(self.evaluations * share), units=units)


@lru_cache(maxsize=8)  # of a command's sweeps: the disk is checked, the machine divided, and time estimated by it
def whole_work(sweep: Sweep) -> Mapping[str, Work]:
    """Return the work of every stage of a sweep from its beginning, by key."""
    countings, found = dict[str, Counting](), dict[str, Work]()
    for cell in sweep.cells:
        space = cell.context.space.name
        counting = countings[space] = countings.get(space) or Counting(cell.context)
        for stage in cell.stages:
            if stage.key not in found:
                found[stage.key] = counting.work(cell, stage)
    return found


def work_of(sweep: Sweep, run: RunFolder, to_do: Callable[[Stage], bool]) -> dict[str, Work]:
    """Return the work of the stages that are to be done, by key; of one that was interrupted, what is left of it."""
    whole = whole_work(sweep)
    ahead = [stage for stage in sweep.stages if to_do(stage)]
    found = {stage.key: what_is_left(whole[stage.key], stage.folder(run).path) for stage in ahead}
    for stage in ahead:
        if stage.goes_on is not None and (after := found.get(stage.goes_on.key)):
            rest = whole[stage.goes_on.key].units - whole[stage.key].units
            found[stage.goes_on.key] = after.left(rest) if 0 < rest < after.units else after
    return found


def what_is_left(work: Work, folder: Path) -> Work:
    """Return what is left of a stage's work, if it left something to resume from in its folder."""
    there = list(folder.glob(f"{RESUME}*"))
    if not there:
        return work
    left = work.left(max(work.units - units_there(there), 0)) if work.units else work
    return replace(left, passing=max(work.passing - sum(path.stat().st_size for path in there), 0))


def units_there(paths: list[Path]) -> int:
    """Return the iterations of the last checkpoint among some files, or the images of the shards."""
    iterations = [iteration_of(path) for path in paths if NAME.fullmatch(path.name)]
    shards = [path.stem.split("-")[1:] for path in paths if path.suffix == ".shard"]
    return max(iterations, default=0) + sum(int(stop) - int(start) for start, stop in shards)


class Counting:
    """Counts the work of stages from a sweep's context; `work` is a method of the name of the stage's kind."""

    def __init__(self, context: Context):
        self.context, self.config = context, context.config
        self.teacher_spec = self.config.teacher_spec()
        self.images, self.dataset = self.config.evaluation.images, len(context.images.pixels)
        self.of_teacher = min(self.config.evaluation.consistency_images, self.images)  # its full-length ones
        self.features, self.classes = feature_sizes(context)
        self._folds: dict[tuple[str, int, int | None], list[Fold]] = {}

    def work(self, cell: Cell, stage: Stage) -> Work:
        """Return the work of one of a cell's stages; of a kind that nobody counts, one call of unknown time."""
        count = COUNTED.get(stage.kind)
        return count(self, cell, stage) if count else Work("evaluation", Calls(stage.kind, "unknown"), 1.0, FEW)

    def classifier(self, cell: Cell, stage: Stage) -> Work:
        """Images through its training, epoch by epoch; nothing of the published one, which is copied."""
        settings, size = self.config.classifier, classifier_bytes(self.context) + FEW
        if published(stage):
            return Work("evaluation", Calls("copy", "weights"), 0.0, size)
        calls = Calls("classifier", self.space, f"batch {settings.batch}")
        amount = settings.epochs * self.dataset
        return Work("evaluation", calls, amount, size, trial=classifier_trial(self.context))

    def reference(self, cell: Cell, stage: Stage) -> Work:
        """The features of the dataset."""
        return self._extracted(self.dataset)

    def statistics(self, cell: Cell, stage: Stage) -> Work:
        """A covariance, and its root."""
        width = self.features
        numbers = width * (1 + min(width, self.dataset))
        distances = self.dataset * self.config.evaluation.neighbours  # of each image to its nearest ones
        return self._products(self.dataset * width, 8 * numbers + 4 * distances + FEW)

    def held_out(self, cell: Cell, stage: Stage) -> Work:
        """The features of the held-out images; the root of their covariance is kept as well."""
        assert self.context.images.held_out is not None
        count = len(self.context.images.held_out.pixels)
        found = self._extracted(count)
        return replace(found, kept=found.kept + 8 * self.features * (1 + min(self.features, count)) + 2 * FEW)

    def floor(self, cell: Cell, stage: Stage) -> Work:
        """The metrics of one half of the dataset against the other."""
        return self._quality(self.dataset // 2, self.dataset - self.dataset // 2)

    def teacher(self, cell: Cell, stage: Stage) -> Work:
        """Its training, or the copy of a file."""
        given = self.config.teacher
        if given.weights is not None:
            return Work("teacher", Calls("copy", "weights"), 0.0, given.weights.stat().st_size + FEW)
        trial = training_trial(self.context, self.teacher_spec, given)
        return self._trained("teacher", self.teacher_spec, given, FORWARD + BACKWARD, trial)

    def fold(self, cell: Cell, stage: Stage) -> Work:
        """Its training, from its parent."""
        folds = self.folds(cell)
        place = [model.key for model in cell.models[1:]].index(stage.key)
        fold, parent = folds[place], folds[place - 1].spec if place else self.teacher_spec
        trial = training_trial(self.context, fold.spec, fold.train, fold, parent)
        trained = self._trained("folds", fold.spec, fold.train, fold.evaluations, trial, fold.target_decay is not None)
        return replace(trained, evaluations=trained.evaluations + fold.before)

    def samples(self, cell: Cell, stage: Stage) -> Work:
        """A cell's images."""
        return self._sampled(self.images, *self._network_and_calls(cell))

    def full_length(self, cell: Cell, stage: Stage) -> Work:
        """The teacher's images over all its timesteps."""
        spec = self.teacher_spec
        return self._sampled(self.of_teacher, spec, len(spec.indices or range(spec.timesteps)))

    def interpolation(self, cell: Cell, stage: Stage) -> Work:
        """The images on paths."""
        count = len(PATH_NAMES) * self.config.evaluation.interpolation_paths * POINTS
        return self._sampled(count, *self._network_and_calls(cell))

    def features_of(self, cell: Cell, stage: Stage) -> Work:
        """Those of a cell's images, or of the teacher's."""
        return self._extracted(self.of_teacher if stage.parents[0].kind == "full-length" else self.images)

    def metrics(self, cell: Cell, stage: Stage) -> Work:
        """The metrics of a cell's images; it keeps those that are nearest to real ones, and these."""
        found = self._quality(self.images, self.dataset)
        return replace(found, kept=found.kept + 2 * min(PAIRS_SHOWN, self.images) * math.prod(self.context.shape))

    def consistency(self, cell: Cell, stage: Stage) -> Work:
        """The features of the images that are compared, once more."""
        return replace(self._extracted(self.of_teacher), units=0, kept=FEW)

    def cost(self, cell: Cell, stage: Stage) -> Work:
        """Warming up and latencies by the clock; short calls up to eight units, full ones of a unit, one for memory."""
        spec, calls = self._network_and_calls(cell)
        unit = unit_size(self.context.shape, self.context.device)
        short = (
            SHORT_STEPS * (1 + GROUP) * 2 * min(8 * unit, self.config.cost.batch)
        )  # 1 + 2 + 4 + .. is twice the last
        full = calls * (GROUP * unit + self.config.evaluation.batch)
        sampled = self._sampled(unit, spec, calls)
        return replace(
            sampled,
            part="evaluation",
            amount=short + full,
            fixed=2 * self.config.cost.seconds,
            kept=A_COST,
            passing=0,
            evaluations=0,
            units=0,
        )

    def folds(self, cell: Cell) -> list[Fold]:
        """Return the folds of a cell's method, made once for each step count."""
        assert cell.kind is not None
        assert cell.steps is not None
        of = cell.method, cell.steps, cell.budget
        if of not in self._folds:
            self._folds[of] = self.config.at(cell.budget).folds(cell.kind, cell.steps)
        return self._folds[of]

    @property
    def space(self) -> str:
        """What the features are of: the space, on images of a shape."""
        return f"{self.context.space.name}, {shown(self.context.shape)}"

    def _network_and_calls(self, cell: Cell) -> tuple[DenoiserSpec, int]:
        """Return the model that a cell samples, and how often it is called for an image."""
        assert cell.kind is not None
        assert cell.steps is not None
        folds = self.folds(cell)
        return folds[-1].spec if folds else self.teacher_spec, len(cell.kind.timesteps(cell.steps))

    def _calls(self, kind: str, spec: DenoiserSpec, how: str) -> Calls:
        return Calls(kind, f"network {digest(spec.network.model_dump())[:8]}, {shown(self.context.shape)}", how)

    def _trained(
        self,
        part: Part,
        spec: DenoiserSpec,
        train: TrainSettings,
        evaluations: int | Fraction,
        trial: Trial,
        with_target: bool = False,
    ) -> Work:
        """Return a training, by `evaluations` of the network for each image of an iteration."""
        size, tensors = weights(spec.network)
        copies = 3 + bool(train.ema) + with_target  # the network, Adam's two moments, the averages
        total = int(evaluations * train.batch) * train.iterations
        return Work(
            part,
            self._calls("training", spec, f"batch {train.batch}, {evaluations} evaluations an image"),
            total,
            kept=size + A_TENSOR * tensors + A_LOSS * (train.iterations // REPORT_EVERY) + FEW,
            passing=(KEPT + 1) * copies * size,  # the next checkpoint is written before the oldest is removed
            evaluations=total,
            units=train.iterations,
            trial=trial,
            per_image=float(evaluations),
        )

    def _sampled(self, count: int, spec: DenoiserSpec, calls: int) -> Work:
        """Return the sampling of images, each by some calls of the network; its shards are joined at the end."""
        unit = unit_size(self.context.shape, self.context.device)
        pixels = count * math.prod(self.context.shape)
        total = -(-count // unit) * unit * calls  # the last unit is filled up
        return Work(
            "sampling",
            self._calls("sampling", spec, f"batch {unit}"),
            total,
            kept=pixels + FEW,
            passing=pixels,
            evaluations=count * calls,
            units=count,
            trial=sampling_trial(self.context, spec, unit),
        )

    def _extracted(self, count: int) -> Work:
        """Return the features of images, and their probabilities."""
        numbers = count * (self.features + self.classes)
        calls = Calls("features", self.space, f"batch {self.config.evaluation.batch}")
        return Work("evaluation", calls, count, 4 * numbers + FEW, units=count, trial=extractor_trial(self.context))

    def _quality(self, count: int, reference: int) -> Work:
        """Return the metrics: distances of all pairs, the kernels of KID's subsets, a covariance."""
        settings = self.config.evaluation
        subset = settings.kid_subset_of(count, reference)
        pairs = (count + reference) ** 2 + 3 * settings.kid_subsets * subset**2 + count * self.features
        return self._products(pairs, 3 * FEW)

    def _products(self, pairs: float, kept: int) -> Work:
        calls, trial = Calls("pairs", f"{self.features} features"), distances_trial(self.features, DISTANCES)
        return Work("evaluation", calls, pairs, kept, trial=trial, per_image=DISTANCES)


COUNTED: dict[str, Callable[[Counting, Cell, Stage], Work]] = {
    "classifier": Counting.classifier,
    "reference": Counting.reference,
    "statistics": Counting.statistics,
    "held-out": Counting.held_out,
    "floor": Counting.floor,
    "teacher": Counting.teacher,
    "fold": Counting.fold,
    "samples": Counting.samples,
    "full-length": Counting.full_length,
    "interpolation": Counting.interpolation,
    "features": Counting.features_of,
    "metrics": Counting.metrics,
    "consistency": Counting.consistency,
    "cost": Counting.cost,
}


def feature_sizes(context: Context) -> tuple[int, int]:
    """Return how many features and probabilities an image has; as Inception's, if nothing says it of a file's."""
    if isinstance(context.space, BuiltSpace):
        return context.space.on("cpu")(context.pixels[:1])[0].shape[1], 0
    if isinstance(context.space, FileSpace) and context.space.declared.width is not None:
        return context.space.declared.width, 0
    if not context.space.parents:
        return FEATURES, CLASSES
    network = meta_classifier(context)
    return network.head.in_features, network.head.out_features


def classifier_bytes(context: Context) -> int:
    """Return the bytes of the classifier's weights, and of their names."""
    tensors = meta_classifier(context).state_dict().values()
    return sum(tensor.nbytes + A_TENSOR for tensor in tensors)


def meta_classifier(context: Context) -> Classifier:
    """Return the dataset's own classifier without its weights."""
    with torch.device("meta"):
        return untrained_classifier(context)


@cache
def weights(network: UNetConfig | UNet2DConfig) -> tuple[int, int]:
    """Return the bytes of a network's weights, float32, and how many tensors they are."""
    tensors = DenoiserSpec(network=network, timesteps=1).shapes().values()
    return sum(4 * tensor.numel() for tensor in tensors), len(tensors)


def shown(shape: tuple[int, ...]) -> str:
    """Return a shape as people write it: 3x32x32."""
    return "x".join(map(str, shape))
