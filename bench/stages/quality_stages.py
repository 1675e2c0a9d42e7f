"""The stages of quality: dataset -> classifier -> reference features -> their statistics; samples -> features -> metrics."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.config.settings import Config
from bench.datasets.dataset import Images
from bench.metrics.classifier import is_residual, train_classifier
from bench.metrics.features import INCEPTION, extract
from bench.metrics.frechet import Reference
from bench.metrics.frechet import reference as reference_statistics
from bench.metrics.quality import PARTS, Features, protocol, quality
from bench.metrics.spaces import ClassifierSpace, FeatureSpace, InceptionSpace
from bench.stages.sampling import read_samples
from bench.store.files import write_json
from bench.store.store import Stage, Store
from sfddm.files import writing

FEATURES, EXTRACTOR, STATISTICS, METRICS, PROTOCOL = (
    "features.npz", "extractor.json", "statistics.npz", "metrics.json", "protocol.json")  # fmt: skip


class QualityStages:
    """Builds the stages that judge images of one dataset; `inception` is the weight file of its features."""

    def __init__(self, config: Config, images: Images, inception: Path | None = None):
        self.config, self.images, self.inception = config, images, inception
        self.data = {"dataset": images.name, "sha256": images.sha256, "preprocessing": images.preprocessing}

    def classifier(self) -> Stage:
        """Train the dataset's own classifier."""
        settings, name = self.config.classifier, self.config.evaluation.feature_space
        labels = self.images.labels
        assert labels is not None

        def work(folder: Path, store: Store) -> None:
            pixels = torch.from_numpy(self.images.pixels)
            with store.display.task(name, 0, "iterations") as update:
                network, accuracy = train_classifier(pixels, torch.from_numpy(labels), settings, update, store.device)
            store.display.say(f"{name}: {accuracy:.1%} of the held-out fifth is classified rightly")
            with writing(folder / "weights.pt") as file:
                torch.save(network.cpu().state_dict(), file)
            write_json(folder / "accuracy.json", {"held_out_accuracy": accuracy})

        version = 2 if is_residual(self.images.pixels.shape[2]) else 1
        return Stage("classifier", name, self.data | settings.model_dump(), work, version=version)

    @cached_property
    def space(self) -> FeatureSpace:
        """The feature space that the run is judged in."""
        evaluation = self.config.evaluation
        if evaluation.feature_space == INCEPTION:
            return InceptionSpace(self.inception, evaluation.resize)
        return ClassifierSpace(evaluation.feature_space, self.images, self.classifier(), {})

    def reference(self) -> Stage:
        """Features of the dataset's own images."""

        def work(folder: Path, store: Store) -> None:
            self._write_features(folder, store, self.images.pixels, "features of the dataset")

        settings = self.data | self.space.identity
        return Stage("reference", "reference features", settings, work, self.space.parents, version=2)

    def statistics(self) -> Stage:
        """Mean of the reference features and a root of their covariance: once for every cell that is measured from them."""
        reference = self.reference()

        def work(folder: Path, store: Store) -> None:
            found = reference_statistics(_features(store, reference).features)
            with writing(folder / STATISTICS) as file:
                np.savez(file, mean=found.mean.cpu(), root=found.root.cpu())
            write_json(folder / "statistics.json", {"trace": found.trace, "count": found.count, "path": found.path,
                                                    "least": found.least})  # fmt: skip

        return Stage("statistics", "reference statistics", {}, work, (reference,))

    def features(self, samples: Stage) -> Stage:
        """Features of sampled images."""

        def work(folder: Path, store: Store) -> None:
            self._write_features(folder, store, read_samples(store.folder(samples)), f"features of {samples.label}")

        parents = (samples, *self.space.parents)
        return Stage("features", f"features of {samples.label}", self.space.identity, work, parents, version=2)

    def metrics(self, features: Stage) -> Stage:
        """Quality of one set of features against the reference."""
        reference, statistics = self.reference(), self.statistics()
        label = f"metrics of {features.label.removeprefix('features of ')}"

        def work(folder: Path, store: Store) -> None:
            generated, real = _features(store, features), _features(store, reference).features
            self._write_metrics(folder, store, label, generated, real, read_statistics(statistics, store))

        return Stage("metrics", label, self._settings(), work, (features, statistics), version=2)

    def floor(self, seed: int) -> Stage:
        """The real data's own values: of one seeded half against the other; its score is that of all images."""
        reference = self.reference()
        label = f"the real data's own values (seed {seed})"

        def work(folder: Path, store: Store) -> None:
            real = _features(store, reference)
            order = torch.from_numpy(np.random.default_rng(seed).permutation(len(real.features))).to(store.device)
            one, other = (real.features[part] for part in order.tensor_split([len(order) // 2]))
            half = Features(one, real.probabilities)
            self._write_metrics(folder, store, label, half, other, reference_statistics(other))

        return Stage("floor", label, self._settings() | {"halves": seed}, work, (reference,), version=2)

    def _settings(self) -> dict[str, Any]:
        """The settings that decide the metrics of given features."""
        names = {"splits", "kid_subsets", "kid_subset", "neighbours", "seed"}
        return self.config.evaluation.model_dump(include=names) | {"lossy": self.images.lossy}

    def _write_metrics(self, folder: Path, store: Store, label: str, generated: Features, real: Tensor,
                       reference: Reference) -> None:  # fmt: skip
        with store.display.task(label, PARTS, "metrics") as update:
            measured = quality(generated, real, reference, self.config.evaluation, update)
        if measured["rank_deficient"]:
            store.display.say(f"{label}: {min(measured['images'], len(real))} images are too few for a full-rank covariance "
                              f"of {real.shape[1]} features; the distance is biased upwards")  # fmt: skip
        under = protocol(store.read(self.reference(), EXTRACTOR), self.images, measured["images"], len(real),
                         (generated.features.dtype, reference.root.dtype), self.config.evaluation)  # fmt: skip
        write_json(folder / METRICS, measured)
        write_json(folder / PROTOCOL, under.model_dump())

    def _write_features(self, folder: Path, store: Store, pixels: np.ndarray, label: str) -> None:
        extractor = self.space.extractor(store)
        with store.display.task(label, len(pixels), "images") as update:
            features, probabilities = extract(extractor, torch.from_numpy(pixels), self.config.evaluation.batch, update)
        with writing(folder / FEATURES) as file:
            np.savez(file, features=features.numpy(), probabilities=probabilities.numpy())
        write_json(folder / EXTRACTOR, {"name": extractor.name, "network": extractor.network_name,
                                        "resize": extractor.resize, "weights_sha256": extractor.weights_sha256})  # fmt: skip


def _features(store: Store, stage: Stage) -> Features:
    """Return a done stage's features and probabilities, on the store's device."""
    with np.load(store.folder(stage) / FEATURES, allow_pickle=False) as arrays:
        return Features(*(torch.from_numpy(arrays[name]).to(store.device) for name in ("features", "probabilities")))


def read_statistics(stage: Stage, store: Store) -> Reference:
    """Return the reference of a done statistics stage, on the store's device."""
    about = store.read(stage, "statistics.json")
    with np.load(store.folder(stage) / STATISTICS, allow_pickle=False) as arrays:
        mean, root = (torch.from_numpy(arrays[name]).to(store.device) for name in ("mean", "root"))
    return Reference(mean, root, **about)
