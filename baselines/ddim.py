"""DDIM (Song, Meng, Ermon, ICLR 2021): the teacher itself on a sub-sequence. Trains nothing."""

from baselines.settings import DDIMSettings
from sfddm.method import Method
from sfddm.sampler import DDIMSampler


class DDIM(Method):
    """The teacher, respaced."""

    name = "ddim"
    summary = DDIMSettings.summary
    Settings = DDIMSettings
    grid_setting = "grid"

    @property
    def sampler(self) -> DDIMSampler:
        return DDIMSampler(self.settings.eta, self.settings.clip == "x0")
