"""DDIM (Song, Meng, Ermon, ICLR 2021): the teacher itself on a sub-sequence. Trains nothing."""

from pydantic import Field

from baselines.respaced import RespacedSettings
from sfddm.method import Method
from sfddm.sampler import DDIMSampler


class DDIMSettings(RespacedSettings):
    """eta: 0 is deterministic, 1 is DDPM with the small variance."""

    eta: float = Field(0.0, ge=0, le=1)


class DDIM(Method):
    """The teacher, respaced."""

    name = "ddim"
    summary = "the teacher by DDIM on a sub-sequence: the control of every student"
    Settings = DDIMSettings
    grid_setting = "grid"

    @property
    def sampler(self) -> DDIMSampler:
        return DDIMSampler(self.settings.eta, self.settings.clip == "x0")
