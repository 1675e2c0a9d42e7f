"""shortcut: a student that is told where its step ends (Frans et al., ICLR 2025, arXiv 2410.12557).

It makes the step from t to s of what it itself makes from t to the middle and from there to s; the shortest steps are
what the teacher says, or the image without a teacher. With `middle=next` the first of the two parts is one timestep,
and is the teacher's: the discrete form of MeanFlow (Geng et al. 2025, arXiv 2505.13447), which then needs no
derivative.
"""

import torch
from torch import Tensor

from baselines.bootstrap import First, Jump, Row
from baselines.self_taught import SelfTaught
from baselines.settings import ShortcutSettings
from sfddm.training import Moment


def whole(uniform: Tensor, below: Tensor) -> Tensor:
    """Return whole numbers of 0 up to below - 1, (N,) long, for numbers of [0, 1)."""
    return torch.minimum((uniform.double() * below).long(), below - 1)


class Shortcut(SelfTaught):
    """Distilled, or trained from images; one student for all step counts."""

    name = "shortcut"
    summary = ShortcutSettings.summary
    Settings = ShortcutSettings
    two_times = True
    anytime = True

    def row(self, steps: int, levels: Tensor) -> Row:
        settings, total = self.settings, self.teacher.timesteps
        shortest: First = "ddim" if settings.source == "teacher" else "image"
        lengths = total.bit_length() - 1  # the longest step is of 2^lengths timesteps

        def halves(moment: Moment) -> Jump:
            """Steps of 2^j timesteps, j = 0 where nothing is bootstrapped, from multiples of 2^j as CLEAN is 0."""
            generator = moment.generator
            bootstraps = generator.places() < round(settings.share * generator.batch)
            length = 1 << (generator.below(lengths) + 1) * bootstraps
            multiple = whole(generator.uniform(), total // length) + 1
            t, s = length * multiple - 1, length * (multiple - 1) - 1
            return Jump(t, torch.where(bootstraps, t - length // 2, s), s)

        def next_to(moment: Moment) -> Jump:
            """Any step, of which the first timestep is the teacher's."""
            t = moment.generator.below(total)
            return Jump(t, t - 1, whole(moment.generator.uniform(), t + 1) - 1)

        if settings.middle == "next":
            return Row(shortest, next_to, weight=settings.weight, clip=self.clip)
        return Row("student", halves, base=shortest, share=settings.share, weight=settings.weight, clip=self.clip)
