"""DDPM (Ho, Jain, Abbeel, NeurIPS 2020) on a sub-sequence: the respaced teacher, ancestral. Trains nothing."""

from baselines.settings import DDPMSettings
from sfddm.method import Method
from sfddm.sampler import AncestralSampler


class DDPM(Method):
    """The teacher, respaced, with noise."""

    name = "ddpm"
    summary = DDPMSettings.summary
    Settings = DDPMSettings
    grid_setting = "grid"

    @property
    def sampler(self) -> AncestralSampler:
        return AncestralSampler(self.settings.variance, self.settings.clip == "x0")
