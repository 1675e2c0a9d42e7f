"""scratch: a T'-step DDPM trained without a teacher, the SFDDM authors' plainest baseline."""

from typing import Any, ClassVar, Literal

from torch import Tensor

from sfddm.checkpoint import DenoiserSpec
from sfddm.denoiser import Denoiser
from sfddm.grids import grid
from sfddm.method import BACKWARD, FORWARD, Fold, Method
from sfddm.noise import ImageNoise
from sfddm.sampler import ancestral, ddim
from sfddm.teacher import ddpm_loss
from sfddm.training import TrainSettings


class ScratchSettings(TrainSettings):
    """schedule: `teacher` trains on the teacher's noise levels of the trailing grid, `own` on a T'-step schedule."""

    schedule: Literal["teacher", "own"] = "teacher"
    sampler: Literal["ddim", "ancestral"] = "ddim"


class Scratch(Method):
    """A short diffusion process of its own."""

    name = "scratch"
    summary = "a T'-step DDPM trained without a teacher"
    Settings: ClassVar[type[ScratchSettings]] = ScratchSettings

    def timesteps(self, steps: int) -> list[int]:
        return grid("trailing", self.teacher.timesteps, steps, "steps")

    def grid(self, steps: int) -> str:
        return "trailing" if self.settings.schedule == "teacher" else "own schedule"

    def student_spec(self, steps: int) -> DenoiserSpec:
        """Return what the model is."""
        if self.settings.schedule == "own":
            return self.teacher.model_copy(update={"timesteps": steps, "indices": None})
        return self.teacher.model_copy(update={"indices": tuple(self.timesteps(steps))})

    def folds(self, steps: int) -> list[Fold]:
        fold = Fold(
            name=f"scratch, {steps} step{'s' * (steps != 1)}",
            spec=self.student_spec(steps),
            init="random",
            train=self.settings.training(),
            evaluations=FORWARD + BACKWARD,
            settings={"objective": "ddpm"},
            loss=lambda teacher, student: ddpm_loss(student),
        )
        return [fold]

    def sampling(self) -> dict[str, Any]:
        variance = {"eta": 0.0} if self.settings.sampler == "ddim" else {"variance": "small"}
        return {"sampler": self.settings.sampler, **variance, "clip": "x0"}

    def sample(self, denoiser: Denoiser, steps: int, noise: ImageNoise) -> Tensor:
        return ddim(denoiser, noise) if self.settings.sampler == "ddim" else ancestral(denoiser, noise)
