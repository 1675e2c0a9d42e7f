"""DDIM (Song, Meng, Ermon, ICLR 2021): the teacher itself on a sub-sequence. Trains nothing."""

from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from sfddm import sampler
from sfddm.denoiser import Denoiser
from sfddm.grids import grid
from sfddm.method import Method, MethodSettings
from sfddm.noise import ImageNoise


class DDIMSettings(MethodSettings):
    """grid: trailing, leading, uniform (as the DDIM authors wrote it), quad, or a list of teacher indices.

    clip: `x0` clips x0 to [-1, 1] and re-derives eps; `none` is the DDIM paper's.
    """

    grid: str | list[int] = "trailing"
    eta: float = Field(0.0, ge=0, le=1)
    clip: Literal["none", "x0"] = "x0"


class DDIM(Method):
    """The teacher, respaced."""

    name = "ddim"
    summary = "the teacher by DDIM on a sub-sequence: the control of every student"
    Settings: ClassVar[type[DDIMSettings]] = DDIMSettings

    def timesteps(self, steps: int) -> list[int]:
        return grid(self.settings.grid, self.teacher.timesteps, steps, f"{self.name}.grid")

    def grid(self, steps: int) -> str:
        return self.settings.grid if isinstance(self.settings.grid, str) else "list"

    def sampling(self) -> dict[str, Any]:
        return {"sampler": "ddim", "eta": self.settings.eta, "clip": self.settings.clip}

    def sample(self, denoiser: Denoiser, steps: int, noise: ImageNoise) -> Tensor:
        return sampler.ddim(
            denoiser.respaced(self.timesteps(steps)), noise, self.settings.eta, self.settings.clip == "x0"
        )
