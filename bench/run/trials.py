"""Trying a piece of a sweep's work, to learn how long it takes here: with fresh weights, and nothing is kept of it.

A trial has the run's own networks, losses, batch, threads and precision, without a compiler, whose minutes a trial must
not take: where a run compiles, it will be faster than its trial.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

from bench.config.sections import ClassifierSettings
from bench.metrics.classifier import Classifier, ClassifierFeatures, make_classifier, train_classifier
from bench.metrics.declared import INCEPTION, LEAST_IMAGES
from bench.metrics.features import FeatureExtractor
from bench.metrics.inception import InceptionFeatures
from bench.metrics.inception_network import InceptionNetwork
from bench.metrics.spaces import BuiltSpace, FileSpace
from bench.stages.context import Context
from bench.store.timing import synchronise
from sfddm.checkpoint import DenoiserSpec
from sfddm.ddpm import ddpm_loss
from sfddm.method import Fold
from sfddm.performance import Performance
from sfddm.training import Training, TrainSettings, train

CALLS = 10  # of the whole batch, if there is time for them
GROWTH = 8  # of a batch, from one try to the next
SOON = 0.5  # seconds that the first larger batch may take whatever the limit: without it, only overhead is measured
HARMLESS = 1e-8  # learning rate: weights that run away would end the trial

Call = Callable[[int], object]  # of a number of images


@dataclass(frozen=True)
class Trial:
    """A piece of work to try. batch: images of a call; ready: makes the call for a device."""

    batch: int
    ready: Callable[[str], Call]

    def seconds_of_an_image(
        self,
        device: str,
        limit: float,
        clock: Callable[[], float] = time.perf_counter,
        worked: Callable[[], float] = time.process_time,
    ) -> tuple[float, int]:
        """Return the seconds that an image of a batch takes on a device, and of how many images that was measured.

        The batch grows to its own size while there is time, and is then tried ten times, or as often as there is time.
        If its size is not reached, its time is what the last two sizes say of a call and of an image.
        limit: seconds of the calls but the first, of one image, which warms up; the next two may go beyond it.
        worked: processor seconds. A call on the CPU takes no longer than those: on a busy machine a short one may wait
        for seconds, and a long run does not wait so in all its calls.
        """
        call = self.ready(device)

        def seconds_of(images: int) -> float:
            started, used = clock(), worked()
            call(images)
            synchronise(device)
            return min(clock() - started, worked() - used) if device == "cpu" else clock() - started

        seconds_of(1)  # what only a first call does is no measure of others
        began = clock()
        before, size, seconds = (0, 0.0), 1, [seconds_of(1)]
        # Far less than in proportion, for a small network: that is why the batch of the run has to be reached.
        while size < self.batch and GROWTH / 2 * seconds[-1] < (limit if before[0] else max(limit, SOON)):
            before, size = (size, seconds[-1]), min(GROWTH * size, self.batch)
            seconds = [seconds_of(size)]
        while len(seconds) < CALLS and clock() - began + seconds[-1] < limit:
            seconds.append(seconds_of(size))
        taken, (smaller, less) = median(seconds), before
        an_image = max(taken - less, 0.0) / (size - smaller)
        whole = taken + (self.batch - size) * an_image if smaller else taken * self.batch / size
        return whole / self.batch, size * len(seconds)


def eager(context: Context) -> Performance:
    """Return the run's performance settings, without a compiler."""
    return context.config.performance.model_copy(update={"compile": False})


def training_trial(
    context: Context,
    spec: DenoiserSpec,
    settings: TrainSettings,
    fold: Fold | None = None,
    parent: DenoiserSpec | None = None,
) -> Trial:
    """Return iterations of a training: the teacher's, or a fold's from its parent."""
    own = settings.training().model_copy(update={"learning_rate": HARMLESS})

    def ready(device: str) -> Call:
        if fold is None or parent is None:
            student = spec.denoiser(spec.fresh_network(seed=0)).to(device)
            loss = ddpm_loss(student)
        else:
            teacher = parent.denoiser(parent.fresh_network(seed=0)).to(device)
            teacher.network.requires_grad_(False)
            student = fold.student(teacher, 0, context.pixels).to(device)
            loss = fold.loss(teacher, student)
        decay = fold.target_decay if fold else None
        training = Training(student.network, own, 0, eager(context), target_decay=decay)
        pixels = context.pixels[: own.batch].to(device)

        def iterate(images: int) -> None:
            training.settings = own.model_copy(update={"batch": images, "iterations": training.iteration + 1})
            train(training, loss, pixels, device)

        return iterate

    return Trial(own.batch, ready)


def sampling_trial(context: Context, spec: DenoiserSpec, batch: int) -> Trial:
    """Return calls of a network without gradients, as a sampler makes them."""

    def ready(device: str) -> Call:
        denoiser = spec.denoiser(spec.fresh_network(seed=0).eval()).to(device)

        @torch.no_grad()
        def evaluate(images: int) -> None:
            with eager(context).sampling(denoiser) as fast:
                fast.raw(
                    torch.zeros(images, *context.shape, device=device), torch.zeros(1, dtype=torch.long, device=device)
                )

        return evaluate

    return Trial(batch, ready)


def extractor_trial(context: Context) -> Trial:
    """Return the extraction of features from the dataset's images."""
    batch = context.config.evaluation.batch

    def ready(device: str) -> Call:
        extractor, pixels = extractor_to_try(context, device), context.pixels[:batch]
        return lambda images: extractor(pixels[:images])

    return Trial(batch, ready)


def extractor_to_try(context: Context, device: str) -> FeatureExtractor:
    """Return an extractor that takes as long as the run's own. Raises InputError if only its file says how long."""
    evaluation = context.config.evaluation
    if evaluation.feature_space == INCEPTION:
        return InceptionFeatures(InceptionNetwork().eval().to(device), "", evaluation.resize)
    if isinstance(context.space, BuiltSpace | FileSpace):
        return context.space.on(device)
    return ClassifierFeatures(evaluation.feature_space, "", untrained_classifier(context).to(device).eval())


def untrained_classifier(context: Context) -> Classifier:
    """Return the dataset's own classifier, untrained."""
    channels, resolution = context.images.pixels.shape[1:3]
    labels = context.images.labels
    assert labels is not None
    return make_classifier(channels, resolution, int(labels.max()) + 1)


def classifier_trial(context: Context) -> Trial:
    """Return the training of the dataset's own classifier, for an epoch of a part of the images."""
    settings = context.config.classifier

    def ready(device: str) -> Call:
        assert context.images.labels is not None
        pixels, labels = context.pixels, torch.from_numpy(context.images.labels)

        def epoch(images: int) -> None:
            count = max(images, LEAST_IMAGES)
            one = ClassifierSettings(epochs=1, batch=min(settings.batch, count), learning_rate=HARMLESS)
            train_classifier(pixels[:count], labels[:count], one, lambda *_, **__: None, device)

        return epoch

    # Four batches and the fifth that the training holds out, so that what an epoch begins with counts for little.
    return Trial(max(settings.batch * 5, LEAST_IMAGES), ready)


def distances_trial(width: int, batch: int) -> Trial:
    """Return distances between features of images, of which metrics are made: an `image` is one against `batch`."""

    def ready(device: str) -> Call:
        others = torch.ones(batch, width, device=device)
        return lambda images: torch.cdist(others[:images], others)

    return Trial(batch, ready)
