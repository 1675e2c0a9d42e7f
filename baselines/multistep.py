"""multistep-cd: consistency distillation inside segments (Heek et al. 2024; TRACT, Berthelot et al. 2023).

The student's steps are segments of the teacher's timesteps. From any timestep the student leads to the end of its
segment, by what the teacher says of one teacher step and it itself of the rest; it is sampled by DDIM from segment to
segment. So it has the steps, the start and the sampler of `sfddm-trajectory`, and asks itself where that asks the
teacher.

TRACT's self-teacher is `target_ema=0.5`, its loss `weight=truncated-snr`, its teacher `clip_target=true`.
"""

from typing import Any

import torch
from torch import Tensor

from baselines.bootstrap import Jump, Row
from baselines.points import trailing_point
from baselines.self_taught import SelfTaught
from baselines.settings import MultistepSettings
from sfddm.targets import CLEAN
from sfddm.training import Moment
from sfddm.words import plural


def segment_ends(phi: list[int]) -> Tensor:
    """Return for each timestep, (T,) long, where its segment ends; the start of a segment is not its own end."""
    starts = torch.tensor(phi)
    ends = torch.tensor([CLEAN, *phi[:-1]])
    return ends[torch.searchsorted(starts, torch.arange(phi[-1] + 1))]


class MultistepCD(SelfTaught):
    """As published, but for the distance and for timesteps that are the teacher's."""

    name = "multistep-cd"
    summary = MultistepSettings.summary
    Settings = MultistepSettings

    @property
    def anytime(self) -> bool:
        return self.settings.first_points == self.settings.last_points

    def fold_name(self, steps: int) -> str:
        return f"{self.name} to {plural(steps, 'step')}"

    def decides(self, steps: int) -> dict[str, Any]:
        return {"segments": self.timesteps(steps)}

    def in_a_segment(self, steps: int, progress: float) -> int:
        """Return how many teacher steps a segment has: more and more, as there are points over all segments."""
        settings, total = self.settings, self.teacher.timesteps
        first, last = (min(points or total, total) for points in (settings.first_points, settings.last_points))
        points = first * (last / first) ** min(progress / settings.annealed, 1.0)
        return min(max(round(points / steps), 1), max(total // steps, 1))

    def row(self, steps: int, levels: Tensor) -> Row:
        total, ends = self.teacher.timesteps, segment_ends(self.timesteps(steps)).to(levels.device)

        def draw(moment: Moment) -> Jump:
            points = steps * self.in_a_segment(steps, moment.progress)
            i = moment.generator.below(points)
            t, below = (trailing_point(one, points, total) for one in (i, i - 1))
            return Jump(t, torch.maximum(below, ends[t]), ends[t])

        return Row("ddim", draw, weight=self.settings.weight, clip=self.clip)
