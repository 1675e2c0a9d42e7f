"""Consistency models: students that lead from any timestep to the clean image in one step, for all step counts at once.

`cd` is consistency distillation and `ct` consistency training as first published (Song et al., ICML 2023), with a
squared error and not LPIPS; `ect` is consistency training from the teacher's weights (Geng et al., ICLR 2025). Between
the steps of a sample x0 is made noisy again. The timesteps that are visited are those of the trailing grid, chosen
before looking.

`ct` and `ect` begin to sample where sigma / alpha is at most 80, as published: noisier timesteps, of which some
schedules have one, are not trained.
"""

import math
from functools import cached_property

import torch
from torch import Tensor

from baselines.bootstrap import Jump, Row
from baselines.points import SIGMA_MAX, karras_point, nearest_index, noisiest, trailing_point
from baselines.self_taught import SelfTaught
from baselines.settings import CDSettings, CTSettings, ECTSettings
from sfddm import grids
from sfddm.errors import ParameterError
from sfddm.sampler import ConsistencySampler, DDIMSampler, Sampler
from sfddm.schedule import alpha_bar_table
from sfddm.targets import CLEAN
from sfddm.training import Moment, TargetDecay


class Consistency(SelfTaught):
    """What they share."""

    @property
    def sampler(self) -> Sampler:
        return ConsistencySampler() if self.settings.sampler == "consistency" else DDIMSampler()


class ConsistencyDistillation(Consistency):
    """As published, but for the distance and the network's head: v has the boundary f(x, clean) = x by itself."""

    name = "cd"
    summary = CDSettings.summary
    Settings = CDSettings
    anytime = True

    def row(self, steps: int, levels: Tensor) -> Row:
        settings, total = self.settings, self.teacher.timesteps
        points = min(settings.points or total, total)

        def draw(moment: Moment) -> Jump:
            i = moment.generator.below(points)
            t, m = (trailing_point(one, points, total) for one in (i, i - 1))
            return Jump(t, m, torch.full_like(t, CLEAN))

        return Row(settings.solver, draw, weight=settings.weight, clip=self.clip)


class FromImages(Consistency):
    """Consistency training: the image itself stands for what a teacher would predict."""

    @cached_property
    def top(self) -> int:
        """The noisiest timestep."""
        return noisiest(alpha_bar_table(self.teacher.schedule, self.teacher.timesteps))

    def timesteps(self, steps: int) -> list[int]:
        if steps > self.top + 1:
            why = f"{self.name} begins to sample where sigma / alpha is at most {SIGMA_MAX:g}"
            raise ParameterError("steps", f"{steps} given, 1 to {self.top + 1} possible: {why}")
        return grids.timesteps("trailing", self.top + 1, steps)


class ConsistencyTraining(FromImages):
    """As first published, but for the distance: points and the target's decay follow the progress."""

    name = "ct"
    summary = CTSettings.summary
    Settings = CTSettings

    def points(self, progress: float) -> int:
        """Return N: points of the grid (Song et al. 2023)."""
        first, last = self.settings.first_points, self.settings.last_points
        return math.ceil(math.sqrt(progress * ((last + 1) ** 2 - first**2) + first**2) - 1) + 1

    @property
    def target_decay(self) -> TargetDecay:
        first, decay = self.settings.first_points, self.settings.first_decay
        return lambda progress: math.exp(first * math.log(decay) / (self.points(progress) - 1))

    def row(self, steps: int, levels: Tensor) -> Row:
        def draw(moment: Moment) -> Jump:
            points = self.points(moment.progress)
            i = moment.generator.below(points - 1) + 1
            t = karras_point(i, points, levels).clamp(min=0, max=self.top)
            m = torch.minimum(karras_point(i - 1, points, levels), t - 1)
            return Jump(t, m, torch.full_like(t, CLEAN))

        return Row("image", draw, weight="one")


class EasyConsistencyTuning(FromImages):
    """As published; of timesteps drawn by the lognormal the noisiest, where a sample begins, are rare."""

    name = "ect"
    summary = ECTSettings.summary
    Settings = ECTSettings

    def below(self, level: Tensor, progress: float) -> Tensor:
        """Return r: the noise level, float64, of the target of a prediction at a level (Geng et al. 2024)."""
        stage = min(int(progress * self.settings.stages), self.settings.stages - 1)
        return level * (1 - (1 + 8 * torch.sigmoid(-level)) / self.settings.ratio ** (stage + 1))

    def row(self, steps: int, levels: Tensor) -> Row:
        settings = self.settings

        def draw(moment: Moment) -> Jump:
            lognormal = torch.exp(settings.mean + settings.spread * moment.generator.normal().double())
            t = nearest_index(lognormal, levels).clamp(min=0, max=self.top)
            even = moment.generator.uniform() < settings.uniform
            t = torch.where(even, moment.generator.below(self.top + 1), t)
            m = torch.minimum(nearest_index(self.below(levels[t], moment.progress), levels), t - 1)
            return Jump(t, m, torch.full_like(t, CLEAN))

        return Row("image", draw, weight="one", distance="norm", by_gap=True)
