"""The interface of a method: how to get images in a given number of steps from a teacher.

A method is planned without weights (`timesteps`, `folds`) and sampled with them (`sample`). One that
trains nothing has no folds and samples the teacher itself. A method of your own subclasses `Method` and
registers the class under the entry point group `sfddm_bench.methods`.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict
from torch import Tensor

from sfddm.checkpoint import DenoiserSpec
from sfddm.denoiser import Denoiser
from sfddm.errors import InputError
from sfddm.noise import ImageNoise
from sfddm.training import Loss, TrainSettings

FORWARD, BACKWARD = 1, 2  # network evaluations, as the field counts them


@dataclass(frozen=True)
class Fold:
    """One distillation run, from one model to another.

    spec: what the student is. init: a random network, or the parent's weights (with a new output layer when
    the student predicts another quantity). loss: made from (parent, student). evaluations: network evaluations
    per image and iteration. settings: everything else that decides the student; equal folds are trained once.
    """

    name: str
    spec: DenoiserSpec
    init: Literal["random", "teacher"]
    train: TrainSettings
    evaluations: int
    settings: dict[str, Any]
    loss: Callable[[Denoiser, Denoiser], Loss]

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the student besides its parent, data and seed."""
        return {"spec": self.spec.model_dump(), "init": self.init, "train": self.train.model_dump(), **self.settings}

    @property
    def total_evaluations(self) -> int:
        """Network evaluations of the whole fold, over all images of all iterations."""
        return self.evaluations * self.train.batch * self.train.iterations

    def student(self, parent: Denoiser, seed: int) -> Denoiser:
        """Return the untrained student."""
        if self.init == "random":
            return self.spec.denoiser(self.spec.fresh_network(seed))
        network = copy.deepcopy(parent.network).requires_grad_(True)
        if self.spec.prediction != parent.prediction:
            network.head = self.spec.fresh_network(seed).head
        return self.spec.denoiser(network)


def share_budget(folds: Sequence[Fold], budget: int) -> list[Fold]:
    """Return the folds with iterations that together make at most `budget` network evaluations, split evenly.

    Raises InputError where that is less than one iteration of a fold.
    """
    shared = []
    for fold in folds:
        per_iteration = fold.evaluations * fold.train.batch
        iterations = budget // len(folds) // per_iteration
        if iterations < 1:
            raise InputError(
                f"--budget: {budget} given, at least {per_iteration * len(folds)} needed for one iteration of each of the "
                f"{len(folds)} folds of {fold.name}"
            )
        shared.append(replace(fold, train=fold.train.model_copy(update={"iterations": iterations})))
    return shared


class MethodSettings(BaseModel):
    """Settings of a method without training."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Method(ABC):
    """One way to sample in few steps; `settings` is an instance of the class's own `Settings`."""

    name: ClassVar[str]
    summary: ClassVar[str]
    Settings: ClassVar[type[BaseModel]] = MethodSettings

    def __init__(self, settings: Any, teacher: DenoiserSpec):
        self.settings, self.teacher = settings, teacher
        self.label = self.name  # what people are shown; a variant's whole name

    @abstractmethod
    def timesteps(self, steps: int) -> list[int]:
        """Return the teacher's indices that the sampler visits, increasing. Raises InputError where it cannot."""

    def grid(self, steps: int) -> str:
        """Return the name of the grid `timesteps` follows, for the record."""
        return "trailing"

    def folds(self, steps: int) -> list[Fold]:
        """Return the distillation runs that lead to the student; the first starts from the teacher."""
        return []

    def sampling(self) -> dict[str, Any]:
        """Return what else decides the images, for the record: sampler, eta, clip rule."""
        return {"sampler": "ddim", "eta": 0.0, "clip": "x0"}

    @abstractmethod
    def sample(self, denoiser: Denoiser, steps: int, noise: ImageNoise) -> Tensor:
        """Return float images (N,C,H,W) from the last fold's denoiser, or from the teacher where there is no fold."""
