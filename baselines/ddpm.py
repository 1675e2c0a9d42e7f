"""DDPM (Ho, Jain, Abbeel, NeurIPS 2020) on a sub-sequence: the respaced teacher, ancestral. Trains nothing."""

from baselines.respaced import RespacedSettings
from sfddm.method import Method
from sfddm.sampler import AncestralSampler, Variance


class DDPMSettings(RespacedSettings):
    """variance: `small` is the posterior's (DDIM with eta = 1), `large` is beta of the jump."""

    variance: Variance = "small"


class DDPM(Method):
    """The teacher, respaced, with noise."""

    name = "ddpm"
    summary = "the teacher by ancestral sampling on a sub-sequence"
    Settings = DDPMSettings
    grid_setting = "grid"

    @property
    def sampler(self) -> AncestralSampler:
        return AncestralSampler(self.settings.variance, self.settings.clip == "x0")
