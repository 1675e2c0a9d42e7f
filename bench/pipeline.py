"""The stages of a run, from the dataset to the metrics; each function builds one stage, nothing runs here.

dataset -> classifier -> reference features; teacher -> fold(s) -> samples -> features -> metrics
"""

import hashlib
import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench import machine
from bench.classifier import train_classifier
from bench.config import Config
from bench.cost import measure_cost, sampling_calls
from bench.datasets.dataset import Images
from bench.feature_space import ClassifierSpace, FeatureSpace, InceptionSpace
from bench.files import file_sha256, write_json
from bench.metrics.features import INCEPTION, extract
from bench.metrics.frechet import frechet_distance
from bench.metrics.inception_score import inception_score
from bench.sampling import sample_images
from bench.stages import Stage, Store
from bench.training import train_in_stage
from sfddm.checkpoint import load_denoiser
from sfddm.method import BACKWARD, FORWARD, Fold, Method
from sfddm.teacher import ddpm_loss

MODEL = "model.safetensors"


def stage_seed(seed: int, name: str) -> int:
    """Return the seed of one piece of random work: the run's seed and what the work is, hashed."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:7], "big")


def plural(count: int, noun: str) -> str:
    """Return `1 step`, `4 steps`."""
    return f"{count} {noun}{'s' * (count != 1)}"


class Pipeline:
    """Builds the stages of one configuration on one dataset; `inception` is the weight file of its features."""

    def __init__(self, config: Config, images: Images, inception: Path | None = None):
        self.config, self.images, self.inception = config, images, inception
        self.data = {"dataset": images.name, "sha256": images.sha256, "preprocessing": images.preprocessing}

    @property
    def pixels(self) -> Tensor:
        """The dataset's images, uint8 (N,C,H,W)."""
        return torch.from_numpy(self.images.pixels)

    def classifier(self) -> Stage:
        """Train the dataset's own classifier."""
        settings = self.config.classifier
        labels = self.images.labels
        assert labels is not None

        def work(folder: Path, store: Store) -> None:
            with store.display.task(self.config.evaluation.feature_space, settings.epochs, "epochs") as update:
                network, accuracy = train_classifier(self.pixels, torch.from_numpy(labels), settings, update)
            torch.save(network.state_dict(), folder / "weights.pt")
            write_json(folder / "accuracy.json", {"held_out_accuracy": accuracy})

        return Stage("classifier", self.config.evaluation.feature_space, self.data | settings.model_dump(), work)

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

        return Stage("reference", "reference features", self.data | self.space.identity, work, self.space.parents)

    def teacher(self, seed: int) -> Stage:
        """Train the teacher, or take the one that `teacher.weights` names."""
        config = self.config
        spec = config.teacher_spec()
        if config.teacher.weights is not None:
            return self._taken_teacher(config.teacher.weights)
        settings: dict[str, Any] = {
            **self.data,
            "spec": spec.model_dump(),
            "train": config.teacher.model_dump(),
            "seed": seed,
        }

        def work(folder: Path, store: Store) -> None:
            own_seed = stage_seed(seed, "teacher")
            denoiser = spec.denoiser(spec.fresh_network(own_seed)).to(store.device)
            train_in_stage(folder, store, "teacher", denoiser, spec, ddpm_loss(denoiser), config.teacher, own_seed,
                           self.pixels, FORWARD + BACKWARD)  # fmt: skip

        return Stage("teacher", f"teacher (seed {seed})", settings, work)

    def _taken_teacher(self, weights: Path) -> Stage:
        def work(folder: Path, store: Store) -> None:
            shutil.copyfile(weights, folder / MODEL)
            write_json(folder / "cost.json", {"seconds": None, "evaluations": None, "loss": []})

        return Stage("teacher", f"teacher from {weights.name}", {"weights": file_sha256(weights)}, work)

    def fold(self, fold: Fold, parent: Stage, seed: int) -> Stage:
        """Train one fold's student from its parent."""
        settings = {**self.data, "spec": fold.spec.model_dump(), "init": fold.init, "train": fold.train.model_dump(),
                    "seed": seed, **fold.settings}  # fmt: skip

        def work(folder: Path, store: Store) -> None:
            own_seed = stage_seed(seed, fold.name)
            teacher = load_denoiser(store.folder(parent) / MODEL)[0].to(store.device)
            teacher.network.requires_grad_(False)
            student = fold.student(teacher, own_seed).to(store.device)
            train_in_stage(folder, store, fold.name, student, fold.spec, fold.loss(teacher, student), fold.train,
                           own_seed, self.pixels, fold.evaluations)  # fmt: skip

        return Stage("fold", f"{fold.name} (seed {seed})", settings, work, (parent,))

    def students(self, method: Method, steps: int, seed: int) -> list[Stage]:
        """The teacher and the folds a method needs for a step count, each the parent of the next."""
        stages = [self.teacher(seed)]
        for fold in self.config.folds(method, steps):
            stages.append(self.fold(fold, stages[-1], seed))
        return stages

    def samples(self, method: Method, steps: int, seed: int) -> Stage:
        """Sample a method's images from the shared latents."""
        model = self.students(method, steps, seed)[-1]
        count, batch = self.config.evaluation.images, self.config.evaluation.batch
        settings = {"method": method.name, "steps": steps, "timesteps": method.timesteps(steps), **method.sampling(),
                    "seed": seed, "images": count}  # fmt: skip

        def work(folder: Path, store: Store) -> None:
            denoiser = load_denoiser(store.folder(model) / MODEL)[0].to(store.device)
            label = f"sampling {method.name}, {plural(steps, 'step')}"
            pixels, cost = sample_images(
                method, denoiser, steps, seed, count, batch, self.images.pixels.shape[1:], store, label
            )
            np.save(folder / "samples.npy", pixels)
            write_json(folder / "cost.json", cost)

        return Stage(
            "samples", f"samples of {method.name} at {plural(steps, 'step')} (seed {seed})", settings, work, (model,)
        )

    def cost(self, method: Method, steps: int, device: str) -> Stage:
        """What a method's sampling costs on this machine: of its network with fresh weights, so the same for all seeds."""
        folds = self.config.folds(method, steps)
        spec = folds[-1].spec if folds else self.config.teacher_spec()
        shape, batch, limits = self.images.pixels.shape[1:], self.config.evaluation.batch, self.config.cost
        settings = {"method": method.name, "spec": spec.model_dump(), "steps": steps, **method.sampling(),
                    "timesteps": method.timesteps(steps), "shape": shape, "batch": batch, "limits": limits.model_dump(),
                    "torch": torch.__version__, "machine": machine.machine(device)}  # fmt: skip
        what = f"cost of {method.name} at {plural(steps, 'step')}"

        def work(folder: Path, store: Store) -> None:
            denoiser = spec.denoiser(spec.fresh_network(seed=0).eval()).to(store.device)
            store.display.say(what)
            calls = sampling_calls(method, denoiser, steps, shape, store.device)
            write_json(folder / "cost.json", measure_cost(calls, denoiser.network, store.device, limits, batch))

        return Stage("cost", what, settings, work)

    def features(self, samples: Stage) -> Stage:
        """Features of sampled images."""

        def work(folder: Path, store: Store) -> None:
            self._write_features(folder, store, np.load(store.folder(samples) / "samples.npy"), samples.label)

        return Stage(
            "features", f"features of {samples.label}", self.space.identity, work, (samples, *self.space.parents)
        )

    def metrics(self, features: Stage, seed: int) -> Stage:
        """Quality of one set of features against the reference."""
        reference, splits = self.reference(), self.config.evaluation.splits

        def work(folder: Path, store: Store) -> None:
            generated = np.load(store.folder(features) / "features.npz")
            real = np.load(store.folder(reference) / "features.npz")
            write_json(folder / "metrics.json", quality(generated, real["features"], splits, seed))

        return Stage(
            "metrics", f"metrics of {features.label}", {"splits": splits, "seed": seed}, work, (features, reference)
        )

    def floor(self, seed: int) -> Stage:
        """The real data's own values: the distance of one seeded half from the other, and the score of all images."""
        reference, splits = self.reference(), self.config.evaluation.splits

        def work(folder: Path, store: Store) -> None:
            real = np.load(store.folder(reference) / "features.npz")
            order = np.random.default_rng(seed).permutation(len(real["features"]))
            half = len(order) // 2
            one, other = real["features"][order[:half]], real["features"][order[half:]]
            whole = quality(real, real["features"], splits, seed)
            halves = frechet_distance(torch.from_numpy(one), torch.from_numpy(other))
            write_json(folder / "metrics.json", whole | {"distance": halves.value, "path": halves.path, "images": half,
                                                         "reference_images": len(order) - half})  # fmt: skip

        return Stage(
            "floor", f"the real data's own values (seed {seed})", {"splits": splits, "seed": seed}, work, (reference,)
        )

    def _write_features(self, folder: Path, store: Store, pixels: np.ndarray, label: str) -> None:
        extractor = self.space.extractor(store)
        features, probabilities = extract(extractor, torch.from_numpy(pixels), self.config.evaluation.batch)
        np.savez(folder / "features.npz", features=features.numpy(), probabilities=probabilities.numpy())
        write_json(folder / "extractor.json", {"name": extractor.name, "weights_sha256": extractor.weights_sha256})


def quality(generated: Any, reference: np.ndarray, splits: int, seed: int) -> dict[str, Any]:
    """Return the Frechet distance and the Inception-style score of generated features and probabilities."""
    distance = frechet_distance(torch.from_numpy(generated["features"]), torch.from_numpy(reference))
    mean, std = inception_score(torch.from_numpy(generated["probabilities"]), splits, seed)
    return {
        "distance": distance.value,
        "path": distance.path,
        "is_mean": mean,
        "is_std": std,
        "images": len(generated["features"]),
        "reference_images": len(reference),
    }
