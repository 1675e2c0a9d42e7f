"""Which feature space a run is judged in: what decides the features, and how to get them.

Inception-2015, DINOv2, CLIP and the extractors of other packages are files; a dataset's own classifier is a stage that
trains it. A random network and the pixels need neither. None of them ever stands in for another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch

from bench.config.plugins import EXTRACTOR_GROUP, plugins
from bench.config.sections import ANY_RESOLUTION, Resize
from bench.config.settings import Config
from bench.datasets.dataset import Images
from bench.metrics.classifier import WEIGHTS, ClassifierFeatures, make_classifier
from bench.metrics.declared import BUILT_SPACES, INCEPTION, LEAST_IMAGES, OWN_CLASSIFIER, PIXELS, RANDOM, Extractor
from bench.metrics.extractors import WeightFiles, extractor_weights, extractors, lacking, there
from bench.metrics.features import FeatureExtractor, LoadedExtractor
from bench.metrics.inception import download, inception_features, network_name
from bench.metrics.network_files import FROM_FILES, WEIGHTS_SHA256, find_weights
from bench.metrics.random_network import PixelFeatures, random_features
from bench.store.files import file_sha256
from bench.store.stage import Job, Stage
from sfddm.errors import InputError


class FeatureSpace(Protocol):
    """name: as in records and tables; identity: settings that decide the features; parents: the stages they need."""

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> dict[str, Any]: ...

    @property
    def parents(self) -> tuple[Stage, ...]: ...

    def extractor(self, job: Job) -> FeatureExtractor: ...


@dataclass(frozen=True)
class InceptionSpace:
    """Inception-2015 features; weights None: those in the cache."""

    weights: Path | None
    resize: Resize
    parents: tuple[Stage, ...] = ()

    @property
    def name(self) -> str:
        """The network with its resize; other weights than the published are named by their hash."""
        return f"{network_name(self.identity['weights'])} {self.resize}"

    @cached_property
    def identity(self) -> dict[str, Any]:
        """The weights' hash and the resize."""
        # Without a file it is the published one, which is downloaded once a metric needs it.
        return {"weights": file_sha256(self.weights) if self.weights else WEIGHTS_SHA256, "resize": self.resize}

    def extractor(self, job: Job) -> FeatureExtractor:
        """Load the network on the job's device."""
        return inception_features(self.weights or download(), self.resize, job.device)


@dataclass(frozen=True)
class ClassifierSpace:
    """A dataset's own classifier, trained by a stage."""

    name: str
    images: Images
    stage: Stage
    identity: dict[str, Any]

    @property
    def parents(self) -> tuple[Stage, ...]:
        """The stage that trains it."""
        return (self.stage,)

    def extractor(self, job: Job) -> FeatureExtractor:
        """Load the trained classifier on the job's device."""
        path = job.path(self.stage, WEIGHTS)
        assert self.images.labels is not None
        channels, resolution = self.images.pixels.shape[1:3]
        network = make_classifier(channels, resolution, int(self.images.labels.max()) + 1)
        network.load_state_dict(torch.load(path, weights_only=True))
        return ClassifierFeatures(self.name, file_sha256(path), network.to(job.device).eval())


@dataclass(frozen=True)
class FileSpace:
    """The features of an extractor whose network is a file, declared here or by another package.

    distribution: that package; None: this one. weights None: the file in the cache.
    """

    declared: Extractor
    distribution: str | None
    weights: Path | None
    parents: tuple[Stage, ...] = ()

    @property
    def name(self) -> str:
        """The extractor's name; other weights than the declared are named by their hash."""
        own = self.sha256 == self.declared.sha256
        return self.declared.name if own else f"{self.declared.name} weights {self.sha256[:8]}"

    @cached_property
    def sha256(self) -> str:
        """The weights' hash."""
        return file_sha256(self.weights) if self.weights else self.declared.sha256

    @property
    def identity(self) -> dict[str, Any]:
        """The extractor, its weights' hash and its resize, and the package that they come from."""
        own = {"extractor": self.declared.name, "weights": self.sha256, "resize": self.declared.resize}
        return own | ({"distribution": self.distribution} if self.distribution else {})

    def extractor(self, job: Job) -> FeatureExtractor:
        """Load the network on the job's device."""
        return self.on(job.device)

    def on(self, device: str) -> FeatureExtractor:
        """Load the network on a device. Raises InputError if its file is not here."""
        path = self.weights or there(self.declared)
        if path is None:
            raise InputError(lacking(self.declared))
        return LoadedExtractor(self.name, self.declared, self.sha256, self.declared.load(path, device))


@dataclass(frozen=True)
class BuiltSpace:
    """Features that need no file and no training: those of the random network, or the pixels."""

    name: str
    channels: int
    parents: tuple[Stage, ...] = ()

    @property
    def identity(self) -> dict[str, Any]:
        """The name."""
        return {"extractor": self.name}

    def extractor(self, job: Job) -> FeatureExtractor:
        """Build the network on the job's device."""
        return self.on(job.device)

    def on(self, device: str) -> FeatureExtractor:
        """Build the network on a device."""
        return PixelFeatures() if self.name == PIXELS else random_features(self.channels, device)


def space_of(
    config: Config, images: Images, weights: Path | None, classifier: Callable[[Config, Images], Stage]
) -> FeatureSpace:
    """Return the feature space that a run is judged in; classifier: makes the stage that trains the dataset's own."""
    name = config.evaluation.feature_space
    if name == INCEPTION:
        return InceptionSpace(weights, config.evaluation.resize)
    if name in BUILT_SPACES:
        return BuiltSpace(name, images.pixels.shape[1])
    if name in extractors():
        package = None if name in FROM_FILES else plugins(EXTRACTOR_GROUP)[name].distribution
        return FileSpace(extractors()[name], package, weights)
    return ClassifierSpace(name, images, classifier(config, images), {})


def feature_weights(
    config: Config, images: Images, files: WeightFiles, dry_run: bool, needed: bool = True
) -> Path | None:
    """Return the weight file that the run's features need, opened once; None if they need none.

    It is downloaded if it is not here, but by no dry run, and not if no metric needs it. Raises InputError, which for
    missing weights names the ways on.
    """
    name = config.evaluation.feature_space
    if name in extractors():
        return extractor_weights(extractors()[name], files.of(name), dry_run or not needed)
    if name != INCEPTION:
        return None
    found = find_weights(files.inception)
    if not needed:
        return found
    if found is None and not dry_run:
        own = (images.name if config.dataset == ANY_RESOLUTION else config.dataset) + OWN_CLASSIFIER
        labelled = images.labels is not None and len(images.pixels) >= LEAST_IMAGES
        try:
            found = download()
        except InputError as error:
            ways = f"{own} (a classifier trained on the dataset) or {RANDOM}" if labelled else RANDOM
            raise InputError(f"{error}, or go on without: --set evaluation.feature_space={ways}") from None
    if found is not None:
        inception_features(found, config.evaluation.resize, "cpu")  # a wrong file is refused before anything is trained
    return found
