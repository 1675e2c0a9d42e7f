"""DDPM (Ho, Jain, Abbeel, NeurIPS 2020) on a sub-sequence: the respaced teacher, ancestral. Trains nothing."""

from typing import Any, ClassVar, Literal

from torch import Tensor

from sfddm.denoiser import Denoiser
from sfddm.grids import grid
from sfddm.method import Method, MethodSettings
from sfddm.noise import ImageNoise
from sfddm.sampler import Variance, ancestral


class DDPMSettings(MethodSettings):
    """variance: `small` is the posterior's (DDIM with eta = 1), `large` is beta of the jump. Grid and clip as in DDIM."""

    grid: str | list[int] = "trailing"
    variance: Variance = "small"
    clip: Literal["none", "x0"] = "x0"


class DDPM(Method):
    """The teacher, respaced, with noise."""

    name = "ddpm"
    summary = "the teacher by ancestral sampling on a sub-sequence"
    Settings: ClassVar[type[DDPMSettings]] = DDPMSettings

    def timesteps(self, steps: int) -> list[int]:
        return grid(self.settings.grid, self.teacher.timesteps, steps, f"{self.name}.grid")

    def grid(self, steps: int) -> str:
        return self.settings.grid if isinstance(self.settings.grid, str) else "list"

    def sampling(self) -> dict[str, Any]:
        return {"sampler": "ancestral", "variance": self.settings.variance, "clip": self.settings.clip}

    def sample(self, denoiser: Denoiser, steps: int, noise: ImageNoise) -> Tensor:
        respaced = denoiser.respaced(self.timesteps(steps))
        return ancestral(respaced, noise, self.settings.variance, self.settings.clip == "x0")
