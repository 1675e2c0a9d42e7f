"""scratch: a T'-step DDPM trained without a teacher, the SFDDM authors' plainest baseline."""

from typing import ClassVar

from baselines.settings import ScratchSettings
from sfddm.checkpoint import DenoiserSpec
from sfddm.ddpm import ddpm_loss
from sfddm.method import BACKWARD, FORWARD, Fold, Method
from sfddm.sampler import AncestralSampler, DDIMSampler, Sampler
from sfddm.words import plural


class Scratch(Method):
    """A short diffusion process of its own."""

    name = "scratch"
    summary = ScratchSettings.summary
    Settings: ClassVar[type[ScratchSettings]] = ScratchSettings

    @property
    def sampler(self) -> Sampler:
        return DDIMSampler() if self.settings.sampler == "ddim" else AncestralSampler()

    def grid(self, steps: int) -> str:
        return "trailing" if self.settings.schedule == "teacher" else "own schedule"

    def student_spec(self, steps: int) -> DenoiserSpec:
        """Return what the model is."""
        if self.settings.schedule == "own":
            return self.teacher.model_copy(update={"timesteps": steps, "indices": None})
        return self.teacher.model_copy(update={"indices": tuple(self.timesteps(steps))})

    def folds(self, steps: int) -> list[Fold]:
        fold = Fold(
            name=f"scratch, {plural(steps, 'step')}",
            spec=self.student_spec(steps),
            init="random",
            train=self.settings.training(),
            evaluations=FORWARD + BACKWARD,
            settings={"objective": "ddpm"},
            loss=lambda teacher, student: ddpm_loss(student),
            anytime=True,
        )
        return [fold]
