"""Trying a piece of a sweep's work, to learn how long it takes here: with fresh weights, and nothing is kept of it.

A trial has the run's own networks, losses, batch, threads and precision, without a compiler, whose minutes a trial must
not take: where a run compiles, it will be faster than its trial.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch

from bench.config.settings import ClassifierSettings
from bench.metrics.classifier import LEAST_IMAGES, ClassifierFeatures, make_classifier, train_classifier
from bench.metrics.features import INCEPTION, FeatureExtractor
from bench.metrics.inception import InceptionFeatures
from bench.metrics.inception_network import InceptionNetwork
from bench.stages.context import Context
from bench.store.timing import synchronise
from sfddm.checkpoint import DenoiserSpec
from sfddm.ddpm import ddpm_loss
from sfddm.method import Fold
from sfddm.performance import Performance
from sfddm.training import Training, TrainSettings, train

CALLS = 10  # of the whole batch, if there is time for them
SHARE = 0.02  # of the work itself, which its trial may take at most
HARMLESS = 1e-8  # learning rate: weights that run away would end the trial

Call = Callable[[int], object]


class Trial(Protocol):
    """A piece of work to try. batch: images of a call; `ready` makes the call of a number of images on a device."""

    @property
    def batch(self) -> int: ...

    def ready(self, device: str) -> Call: ...


def eager(performance: Performance) -> Performance:
    """Return the choices without a compiler."""
    return performance.model_copy(update={"compile": False})


@dataclass(frozen=True)
class TrainingTrial:
    """Iterations of a training: the teacher's, or a fold's from its parent."""

    context: Context = field(repr=False)
    spec: DenoiserSpec
    train: TrainSettings
    fold: Fold | None = None
    parent: DenoiserSpec | None = None

    @property
    def batch(self) -> int:
        """The images of an iteration."""
        return self.train.batch

    def ready(self, device: str) -> Call:
        """Return an iteration of a batch of any size."""
        if self.fold is None or self.parent is None:
            student = self.spec.denoiser(self.spec.fresh_network(seed=0)).to(device)
            loss = ddpm_loss(student)
        else:
            parent = self.parent.denoiser(self.parent.fresh_network(seed=0)).to(device)
            parent.network.requires_grad_(False)
            student = self.fold.student(parent, seed=0).to(device)
            loss = self.fold.loss(parent, student)
        own = self.train.training().model_copy(update={"learning_rate": HARMLESS})
        training = Training(student.network, own, 0, eager(self.context.config.performance))
        pixels = self.context.pixels[: self.batch].to(device)

        def iterate(images: int) -> None:
            training.settings = own.model_copy(update={"batch": images, "iterations": training.iteration + 1})
            train(training, loss, pixels, device)

        return iterate


@dataclass(frozen=True)
class NetworkTrial:
    """Calls of a network without gradients, as a sampler makes them."""

    context: Context = field(repr=False)
    spec: DenoiserSpec
    batch: int

    def ready(self, device: str) -> Call:
        """Return a network call of any number of images."""
        denoiser = self.spec.denoiser(self.spec.fresh_network(seed=0).eval()).to(device)
        performance = eager(self.context.config.performance)

        @torch.no_grad()
        def evaluate(images: int) -> None:
            with performance.sampling(denoiser) as fast:
                fast.network(torch.zeros(images, *self.context.shape, device=device), fast.time_input[:1])

        return evaluate


@dataclass(frozen=True)
class ExtractorTrial:
    """Features of the dataset's images, by a network of the same shape as the extractor's."""

    context: Context = field(repr=False)

    @property
    def batch(self) -> int:
        """The images that are put through it at once."""
        return self.context.config.evaluation.batch

    def ready(self, device: str) -> Call:
        """Return the extraction of any number of images."""
        extractor = untrained_extractor(self.context, device)
        pixels = self.context.pixels[: self.batch]
        return lambda images: extractor(pixels[:images])


def untrained_extractor(context: Context, device: str) -> FeatureExtractor:
    """Return an extractor that takes as long as the run's own. Raises LookupError for another package's."""
    evaluation, images = context.config.evaluation, context.images
    if evaluation.feature_space == INCEPTION:
        return InceptionFeatures(InceptionNetwork().eval().to(device), "", evaluation.resize)
    if not context.space.parents or images.labels is None:
        raise LookupError(f"{evaluation.feature_space} is another package's")
    channels, resolution = images.pixels.shape[1:3]
    network = make_classifier(channels, resolution, int(images.labels.max()) + 1)
    return ClassifierFeatures(evaluation.feature_space, "", network.to(device).eval())


@dataclass(frozen=True)
class ClassifierTrial:
    """The training of the dataset's own classifier, for an epoch of a part of the images."""

    context: Context = field(repr=False)

    @property
    def batch(self) -> int:
        """Images of which the training takes a batch: it holds a fifth out."""
        return max(self.context.config.classifier.batch * 5 // 4, LEAST_IMAGES)

    def ready(self, device: str) -> Call:
        """Return a training on any number of images, but no fewer than it needs."""
        labels = self.context.images.labels
        assert labels is not None
        pixels, known = self.context.pixels, torch.from_numpy(labels)
        settings = self.context.config.classifier

        def epoch(images: int) -> None:
            count = max(images, LEAST_IMAGES)
            one = ClassifierSettings(epochs=1, batch=min(settings.batch, count), learning_rate=HARMLESS)
            train_classifier(pixels[:count], known[:count], one, lambda *_, **__: None, device)

        return epoch


@dataclass(frozen=True)
class ProductsTrial:
    """Distances between features of images: what metrics are made of. An `image` is one against `batch` others."""

    width: int
    batch: int = 512

    def ready(self, device: str) -> Call:
        """Return the distances of a number of images from a batch of others."""
        others = torch.ones(self.batch, self.width, device=device)
        return lambda images: torch.cdist(others[:images], others)


def timed(
    call: Call, batch: int, total: float, limit: float, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, int]:
    """Return the seconds that a number of images took: of ten whole batches, or of what there is time for.

    total: images of all the work, of which a trial may take a fiftieth. limit: seconds; one image may go beyond it.
    """

    def seconds_of(images: int) -> float:
        started = clock()
        call(images)
        return clock() - started

    began, first = clock(), seconds_of(1)  # warms up
    if first > limit / 2:
        return first, 1
    one = seconds_of(1)
    limit = min(limit, SHARE * one * total)
    size = min(batch, int(limit / 4 / one)) if one > 0 else batch
    if size <= 1:
        return one, 1
    seconds = seconds_of(size)
    calls = min(CALLS, int((limit - (clock() - began)) / seconds)) if seconds > 0 else CALLS
    if calls < 1:
        return seconds, size
    return sum(seconds_of(size) for _ in range(calls)), size * calls


def synchronised(call: Call, device: str) -> Call:
    """Return a call that ends when the device has done it."""

    def made(images: int) -> None:
        call(images)
        synchronise(device)

    return made
