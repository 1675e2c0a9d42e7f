"""Which feature space a run is judged in: what decides the features, and how to get them.

Inception-2015, DINOv2, CLIP and the extractors of other packages are files; a dataset's own classifier is a stage that
trains it.
A random network and the pixels need neither. None of them ever stands in for another.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol

import torch

from bench.config.plugins import EXTRACTOR_GROUP, plugins
from bench.config.sections import ANY_RESOLUTION, Resize
from bench.config.settings import Config
from bench.datasets.dataset import Images
from bench.metrics import clip, dinov2
from bench.metrics.classifier import LEAST_IMAGES, ClassifierFeatures, make_classifier
from bench.metrics.features import (
    INCEPTION,
    OWN_CLASSIFIER,
    Extractor,
    FeatureExtractor,
    LoadedExtractor,
    as_extractor,
)
from bench.metrics.inception import (
    WEIGHTS_SHA256,
    cache_folder,
    download,
    fetched,
    find_weights,
    inception_features,
    network_name,
)
from bench.metrics.random_network import RANDOM, PixelFeatures, random_features
from bench.store.files import file_sha256
from bench.store.stage import Job, Stage
from sfddm.errors import InputError

PIXELS = "pixels"
BUILT_SPACES = (RANDOM, PIXELS)
OWN_SPACES = (INCEPTION, *BUILT_SPACES)
FROM_FILES = {one.name: one for one in (dinov2.VIT_L, dinov2.VIT_B, clip.VIT_L_336)}


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
        path = job.path(self.stage, "weights.pt")
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
        path = self.weights or there(self.declared)
        if path is None:
            raise InputError(lacking(self.declared))
        return LoadedExtractor(self.name, self.declared, self.sha256, self.declared.load(path, job.device))


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


@cache
def extractors() -> dict[str, Extractor]:
    """Return the extractors whose network is a file, by name: this suite's, then those of other packages.

    Raises InputError if one of those has a name of the suite's own.
    """
    taken = (*OWN_SPACES, *FROM_FILES)
    return FROM_FILES | {
        name: as_extractor(plugin.load(), name) for name, plugin in plugins(EXTRACTOR_GROUP, taken).items()
    }


def is_from_file(name: str) -> bool:
    """Tell whether a feature space's network is a file."""
    return name == INCEPTION or name in extractors()


@dataclass(frozen=True)
class WeightFiles:
    """The weight files that a command names: Inception's, and others by their feature space, "" for whichever it is."""

    inception: Path | None = None
    extractors: Mapping[str, Path] = field(default_factory=dict)

    def of(self, name: str) -> Path | None:
        """Return the file that is named for an extractor; None if none is."""
        return self.extractors.get(name, self.extractors.get(""))


def weight_files(inception: Path | None, given: Sequence[str], spaces: Sequence[str] | None = None) -> WeightFiles:
    """Return the files that `--inception-weights` and `--extractor-weights` name, the latter as FILE or NAME=FILE.

    spaces: the run's feature spaces, if it is known which. Raises InputError for no file, and for one that is of none
    of them or might be of several.
    """
    found: dict[str, Path] = {}
    for text in given:
        name, _, file = text.partition("=") if text.partition("=")[0] in extractors() else ("", "", text)
        taking = [space for space in spaces or extractors() if space in extractors()]
        if not Path(file).is_file():
            raise InputError(f"--extractor-weights: '{file}' given, but there is no such file")
        if not taking:
            raise InputError(f"--extractor-weights: '{text}' given, but {', '.join(spaces or ())} takes no such file")
        if (spaces and not name and len(taking) > 1) or (name and name not in taking) or name in found:
            possible = ", ".join(f"{one}={file}" for one in taking)
            raise InputError(f"--extractor-weights: '{text}' given, a file for each is possible: {possible}")
        found[name] = Path(file)
    return WeightFiles(inception, found)


def there(declared: Extractor) -> Path | None:
    """Return an extractor's weight file in the cache; None if there is none. Raises InputError if it is another."""
    path = cache_folder() / declared.weights
    if not path.is_file():
        return None
    if file_sha256(path) != declared.sha256:
        raise InputError(
            f"evaluation.feature_space: '{declared.name}' given, but '{path}' is not its weight file (its sha256 is "
            f"not {declared.sha256[:12]}...)"
        )
    return path


def lacking(declared: Extractor, why: str = "its weights are not there") -> str:
    """Return the line that says where to put an extractor's weights."""
    path = cache_folder() / declared.weights
    return (
        f"evaluation.feature_space: '{declared.name}' given, but {why}; put them at '{path}', or name the file with "
        "--extractor-weights"
    )


def extractor_weights(declared: Extractor, option: Path | None, dry_run: bool) -> Path | None:
    """Return the weight file of an extractor, downloaded if it is not here, but by no dry run. Raises InputError.

    option: the file that the command names; one other than the declared is opened once, so that a wrong one is refused
    before anything is trained.
    """
    if option is not None:
        sha256 = file_sha256(option)
        other = next((one.name for one in extractors().values() if one.sha256 == sha256), declared.name)
        if other != declared.name:
            raise InputError(f"--extractor-weights: '{option}' given for {declared.name}, but it is {other}'s file")
        if sha256 != declared.sha256:
            declared.load(option, "cpu")
        return option
    found = there(declared)
    if found or dry_run:
        return found
    if declared.url is None:
        raise InputError(lacking(declared))
    try:
        return fetched(declared.url, declared.weights, declared.sha256)
    except (OSError, RuntimeError) as error:
        raise InputError(lacking(declared, f"its weights could not be downloaded ({error})")) from None


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


def check_feature_space(config: Config, images: Images, asked: Sequence[str], files: WeightFiles | None = None) -> None:
    """Raise InputError if the run's feature space is not to be had with this dataset and the metrics asked for.

    Also if weights that cannot be downloaded are not here; files: those that the command names.
    """
    family = images.name if config.dataset == ANY_RESOLUTION else config.dataset  # cifar10, of a cifar10-jpeg
    wanted, own = config.evaluation.feature_space, family + OWN_CLASSIFIER
    pixels = [PIXELS] * ("quality" not in asked)
    possible = [INCEPTION, *[own] * (images.labels is not None), RANDOM, *pixels, *extractors()]
    if wanted not in possible:
        why = "" if images.labels is not None else f"; {images.name} has no labels to train a classifier on"
        why = "; quality has no meaning in pixels" if wanted == PIXELS else why
        raise InputError(f"--set: evaluation.feature_space = '{wanted}' given, possible: {', '.join(possible)}{why}")
    if wanted == own and len(images.pixels) < LEAST_IMAGES:
        raise InputError(
            f"--set: evaluation.feature_space = '{wanted}' given, but {images.name} has {len(images.pixels)} images; a "
            f"classifier needs {LEAST_IMAGES} or more, to train on and to test"
        )
    if wanted in extractors() and not (files and files.of(wanted)):
        declared = extractors()[wanted]
        if there(declared) is None and declared.url is None:
            raise InputError(lacking(declared))


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
