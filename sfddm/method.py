"""The interface of a method: how to get images in a given number of steps from a teacher.

A method is planned without weights (`timesteps`, `folds`) and sampled with them (`sample`). One that trains nothing has
no folds and samples the teacher itself. A method of your own subclasses `Method`, overrides what differs from DDIM on
the trailing grid, and registers the class under the entry point group `sfddm_bench.methods`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar, Literal

from pydantic import BaseModel
from torch import Tensor

from sfddm import grids
from sfddm.checkpoint import DenoiserSpec
from sfddm.denoiser import Denoiser
from sfddm.errors import InputError, ParameterError
from sfddm.heads import BATCHES, fit_head
from sfddm.noise import ImageNoise
from sfddm.sampler import DDIMSampler, Sampler
from sfddm.settings import MethodSettings
from sfddm.training import Loss, TargetDecay, TrainSettings

FORWARD, BACKWARD = 1, 2  # network evaluations, as the field counts them


@dataclass(frozen=True)
class Fold:
    """One distillation run, from one model to another.

    spec: what the student is. init: a random network, or the parent's weights. loss: made from (parent, student).
    evaluations: network evaluations per image and iteration, a mean over the images. settings: everything else that
    decides the student; equal folds are trained once. new_head: the student begins with the parent's weights but
    predicts another quantity. target_decay: of the moving average that its loss asks. anytime: loss and target do not
    follow the progress, so that a training may go on from where a shorter one ended.
    """

    name: str
    spec: DenoiserSpec
    init: Literal["random", "teacher"]
    train: TrainSettings
    evaluations: int | Fraction
    settings: dict[str, Any]
    loss: Callable[[Denoiser, Denoiser], Loss]
    new_head: bool = False
    target_decay: TargetDecay | None = None
    anytime: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the student besides its parent, data and seed."""
        own = {"spec": self.spec.model_dump(), "init": self.init, "train": self.train.model_dump(), **self.settings}
        return own | ({"head": "least squares"} if self.new_head else {})

    @property
    def open_ended(self) -> bool:
        """Whether a longer training begins with this one, bit by bit: nothing in it depends on where it ends."""
        return self.anytime and self.train.decay == "constant"

    @property
    def begins(self) -> str:
        """What the student begins with, in words: random weights, the teacher's, or those with a new head."""
        return "teacher, new head" if self.new_head and self.init == "teacher" else self.init

    @property
    def images(self) -> int:
        """How many images it is trained on, each as often as it is drawn."""
        return self.train.batch * self.train.iterations

    @property
    def total_evaluations(self) -> int:
        """Network evaluations of the whole fold, over all images of all iterations."""
        return self.before + int(self.evaluations * self.train.batch) * self.train.iterations

    @property
    def before(self) -> int:
        """Network evaluations before the first iteration."""
        return FORWARD * BATCHES * self.train.batch if self.new_head else 0

    def student(self, parent: Denoiser, seed: int, pixels: Tensor | None = None) -> Denoiser:
        """Return the untrained student; pixels: images, uint8 (N,C,H,W), that a new head is fitted on."""
        student = self.spec.denoiser(self.spec.fresh_network(seed))
        if self.init == "random":
            return student
        # What the parent does not have gives zeros until it is trained: the student begins as its parent.
        network = student.network
        network.load_state_dict(network.state_dict() | parent.network.state_dict())
        student = student.to(parent.alpha_bar.device)
        if self.new_head:
            if pixels is None:
                raise InputError(f"{self.name}: a new head is fitted on images, and none are given")
            fit_head(student, parent.prediction, pixels, self.train.batch, seed)
        return student


def share_budget(folds: Sequence[Fold], budget: int, first_share: float | None = None) -> list[Fold]:
    """Return the folds with iterations that together make at most `budget` network evaluations.

    first_share: of the first of several folds; None: as much as any other. Raises ParameterError if that is less than
    one iteration of a fold.
    """
    shared, before, count = [], sum(fold.before for fold in folds), len(folds)
    for number, fold in enumerate(folds):
        per_iteration = int(fold.evaluations * fold.train.batch)
        if first_share is None or count == 1:
            iterations = (budget - before) // count // per_iteration
        else:
            share = first_share if number == 0 else (1 - first_share) / (count - 1)
            iterations = int((budget - before) * share / per_iteration)
        if iterations < 1:
            raise ParameterError(
                "budgets",
                f"{budget} given, at least {before + per_iteration * count} needed for one iteration of "
                f"each of the {count} folds of {fold.name}",
            )
        shared.append(replace(fold, train=fold.train.model_copy(update={"iterations": iterations})))
    return shared


class Method:
    """One way to sample in few steps; `settings` is an instance of the class's own `Settings`.

    By itself it is DDIM with the teacher, on the trailing grid or the one in the setting that `grid_setting` names.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    Settings: ClassVar[type[BaseModel]] = MethodSettings
    grid_setting: ClassVar[str | None] = None
    all_timesteps: ClassVar[bool] = False  # of the teacher are those of the student, which is sampled on some of them

    def __init__(self, settings: Any, teacher: DenoiserSpec):
        self.settings, self.teacher = settings, teacher
        self.label = self.name  # what people are shown; a variant's whole name

    def timesteps(self, steps: int) -> list[int]:
        """Return the teacher's indices that the sampler visits, increasing. Raises ParameterError if it cannot."""
        return grids.timesteps(self._grid, self.teacher.timesteps, steps, f"{self.name}.{self.grid_setting or 'grid'}")

    def grid(self, steps: int) -> str:
        """Return the name of the grid that `timesteps` follows, for the record; `list` for a list of indices."""
        return self._grid if isinstance(self._grid, str) else "list"

    @property
    def _grid(self) -> str | list[int]:
        return getattr(self.settings, self.grid_setting) if self.grid_setting else "trailing"

    def folds(self, steps: int) -> list[Fold]:
        """Return the distillation runs that lead to the student; the first starts from the teacher."""
        return []

    @property
    def sampler(self) -> Sampler:
        """What makes the images."""
        return DDIMSampler()

    def sampling(self) -> dict[str, Any]:
        """Return what else decides the images, for the record: sampler, eta, clip rule."""
        return self.sampler.describe()

    def sample(self, denoiser: Denoiser, steps: int, noise: ImageNoise) -> Tensor:
        """Return float images (N,C,H,W) from the last fold's denoiser, or from the teacher if there is no fold."""
        # Making the folds takes time that counts as sampling, and any other student has as many indices as steps.
        if len(denoiser) != steps and (self.all_timesteps or not self.folds(steps)):
            denoiser = denoiser.respaced(self.timesteps(steps))
        return self.sampler(denoiser, noise)
