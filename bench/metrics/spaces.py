"""Which feature space a run is judged in, as the stages see it: what decides the features, and how to have them.

Inception-2015 is a file; a dataset's own classifier is a stage that trains it. Never one in place of the other.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch

from bench.config.settings import ANY_RESOLUTION, Config
from bench.datasets.dataset import Images
from bench.metrics.classifier import ClassifierFeatures, make_classifier
from bench.metrics.features import INCEPTION, OWN_CLASSIFIER, FeatureExtractor, Resize
from bench.metrics.inception import WEIGHTS_SHA256, download, find_weights, inception_features, network_name
from bench.store.files import file_sha256
from bench.store.store import Stage, Store
from sfddm.errors import InputError


class FeatureSpace(Protocol):
    """name: as records and tables have it; identity: the settings that decide the features; parents: the stages they need."""

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> dict[str, Any]: ...

    @property
    def parents(self) -> tuple[Stage, ...]: ...

    def extractor(self, store: Store) -> FeatureExtractor: ...


@dataclass(frozen=True)
class InceptionSpace:
    """Inception-2015 features; weights None: not here yet, which only a dry run may leave so."""

    weights: Path | None
    resize: Resize
    parents: tuple[Stage, ...] = ()

    @property
    def name(self) -> str:
        """The network with its resize; other weights than the published are named by their hash."""
        return f"{network_name(self.identity['weights'] or WEIGHTS_SHA256)} {self.resize}"

    @cached_property
    def identity(self) -> dict[str, Any]:
        """The weights' hash and the resize."""
        return {"weights": self.weights and file_sha256(self.weights), "resize": self.resize}

    def extractor(self, store: Store) -> FeatureExtractor:
        """Load the network on the store's device."""
        return inception_features(self.weights or download(), self.resize, store.device)


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

    def extractor(self, store: Store) -> FeatureExtractor:
        """Load the trained classifier on the store's device."""
        path = store.folder(self.stage) / "weights.pt"
        assert self.images.labels is not None
        channels, resolution = self.images.pixels.shape[1:3]
        network = make_classifier(channels, resolution, int(self.images.labels.max()) + 1)
        network.load_state_dict(torch.load(path, weights_only=True))
        return ClassifierFeatures(self.name, file_sha256(path), network.to(store.device).eval())


def check_feature_space(config: Config, images: Images) -> None:
    """Raise InputError where the run's feature space cannot be had with this dataset."""
    family = images.name if config.dataset == ANY_RESOLUTION else config.dataset  # cifar10, of a cifar10-jpeg
    wanted, own = config.evaluation.feature_space, family + OWN_CLASSIFIER
    possible = [INCEPTION] + [own] * (images.labels is not None)
    if wanted not in possible:
        why = "" if images.labels is not None else f"; {images.name} has no labels to train a classifier on"
        raise InputError(f"--set: evaluation.feature_space = '{wanted}' given, possible: {', '.join(possible)}{why}")


def inception_weights(config: Config, option: Path | None, dry_run: bool) -> Path | None:
    """Return the Inception weights where the run needs them, downloaded where it is not a dry run. Raises InputError."""
    if config.evaluation.feature_space != INCEPTION:
        return None
    found = find_weights(option)
    return found if found or dry_run else download()
