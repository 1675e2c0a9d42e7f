"""The stages of a run, from the teacher to the samples; each function builds one stage, nothing runs here.

teacher -> fold(s) -> samples; what is measured of them is in bench/quality_stages.py and bench/latent_stages.py
"""

import hashlib
import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.config.settings import Config
from bench.datasets.dataset import Images
from bench.stages.measuring import measure_cost, sampling_calls
from bench.stages.quality_stages import QualityStages
from bench.stages.sampling import sample_in_stage
from bench.stages.training import MODEL, train_in_stage
from bench.store import provenance
from bench.store.files import file_sha256, write_json
from bench.store.store import Stage, Store
from sfddm.checkpoint import load_denoiser
from sfddm.method import BACKWARD, FORWARD, Fold, Method
from sfddm.teacher import ddpm_loss


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

    @cached_property
    def quality(self) -> QualityStages:
        """The stages that judge images."""
        return QualityStages(self.config, self.images, self.inception)

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
            **config.performance.decides(),
        }

        def work(folder: Path, store: Store) -> None:
            own_seed = stage_seed(seed, "teacher")
            denoiser = spec.denoiser(spec.fresh_network(own_seed)).to(store.device)
            train_in_stage(folder, store, "teacher", denoiser, spec, ddpm_loss(denoiser), config.teacher, own_seed,
                           self.pixels, FORWARD + BACKWARD, config.performance)  # fmt: skip

        return Stage("teacher", f"teacher (seed {seed})", settings, work, together=True)

    def _taken_teacher(self, weights: Path) -> Stage:
        def work(folder: Path, store: Store) -> None:
            shutil.copyfile(weights, folder / MODEL)
            write_json(folder / "cost.json", {"seconds": None, "evaluations": None, "loss": []})

        return Stage("teacher", f"teacher from {weights.name}", {"weights": file_sha256(weights)}, work)

    def fold(self, fold: Fold, parent: Stage, seed: int) -> Stage:
        """Train one fold's student from its parent."""
        performance = self.config.performance
        settings = {**self.data, "seed": seed, **fold.identity, **performance.decides()}

        def work(folder: Path, store: Store) -> None:
            own_seed = stage_seed(seed, fold.name)
            teacher = load_denoiser(store.folder(parent) / MODEL)[0].to(store.device)
            teacher.network.requires_grad_(False)
            student = fold.student(teacher, own_seed).to(store.device)
            with performance.sampling(teacher) as fast:
                train_in_stage(folder, store, fold.name, student, fold.spec, fold.loss(fast, student), fold.train,
                               own_seed, self.pixels, fold.evaluations, performance)  # fmt: skip

        return Stage("fold", f"{fold.name} (seed {seed})", settings, work, (parent,), together=True)

    def students(self, method: Method, steps: int, seed: int) -> list[Stage]:
        """The teacher and the folds a method needs for a step count, each the parent of the next."""
        stages = [self.teacher(seed)]
        for fold in self.config.folds(method, steps):
            stages.append(self.fold(fold, stages[-1], seed))
        return stages

    def samples(self, method: Method, steps: int, seed: int) -> Stage:
        """Sample a method's images from the shared latents."""
        model = self.students(method, steps, seed)[-1]
        count = self.config.evaluation.images
        settings = self.sampling_settings(method, steps, seed) | {"images": count}

        def work(folder: Path, store: Store) -> None:
            denoiser = load_denoiser(store.folder(model) / MODEL)[0].to(store.device)
            label = f"sampling {method.label}, {plural(steps, 'step')}"
            with self.config.performance.sampling(denoiser) as fast:
                sample_in_stage(folder, store, label, method, fast, steps, seed, count, self.images.pixels.shape[1:])

        name = f"samples of {method.label} at {plural(steps, 'step')} (seed {seed})"
        # 2: in units of fixed size
        return Stage("samples", name, settings, work, (model,), version=2, together=True)

    def cost(self, method: Method, steps: int, device: str) -> Stage:
        """What a method's sampling costs on this machine: of its network with fresh weights, so the same for all seeds."""
        folds = self.config.folds(method, steps)
        spec = folds[-1].spec if folds else self.config.teacher_spec()
        shape, batch, limits = self.images.pixels.shape[1:], self.config.evaluation.batch, self.config.cost
        settings = {"method": method.name, "spec": spec.model_dump(), "steps": steps, **method.sampling(),
                    "timesteps": method.timesteps(steps), "shape": shape, "batch": batch, "limits": limits.model_dump(),
                    "torch": torch.__version__, "machine": provenance.machine(device), **self._execution(device)}  # fmt: skip
        what = f"cost of {method.label} at {plural(steps, 'step')}"

        def work(folder: Path, store: Store) -> None:
            denoiser = spec.denoiser(spec.fresh_network(seed=0).eval()).to(store.device)
            store.display.say(what)
            with self.config.performance.sampling(denoiser) as fast:
                calls = sampling_calls(method, fast, steps, shape, store.device)
                write_json(folder / "cost.json", measure_cost(calls, fast.network, store.device, limits, batch))

        return Stage("cost", what, settings, work)

    def _execution(self, device: str) -> dict[str, Any]:
        """Return what besides the network decides the cost of a call of it, where it is not the plainest."""
        performance = self.config.performance
        chosen = performance.on(device).model_dump(include={"compile", "channels_last"})
        return performance.decides() | {name: value for name, value in chosen.items() if value}

    def sampling_settings(self, method: Method, steps: int, seed: int) -> dict[str, Any]:
        """Return what decides a method's image of a latent, apart from its model."""
        return {"method": method.name, "steps": steps, "timesteps": method.timesteps(steps), **method.sampling(),
                "seed": seed, **self.config.performance.decides()}  # fmt: skip
