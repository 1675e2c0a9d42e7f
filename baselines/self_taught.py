"""What methods share whose student learns from itself: it has all of the teacher's timesteps, and predicts v or x0."""

from fractions import Fraction
from typing import Any, ClassVar

import torch
from torch import Tensor

from baselines.bootstrap import Row, bootstrap_loss
from baselines.points import noise_levels
from baselines.settings import SelfTaughtSettings
from sfddm.checkpoint import DenoiserSpec
from sfddm.denoiser import Denoiser
from sfddm.errors import ParameterError
from sfddm.method import BACKWARD, FORWARD, Fold, Method
from sfddm.schedule import alpha_bar_table
from sfddm.settings import UNetConfig
from sfddm.training import Loss, TargetDecay

CALLS = {"ddim": FORWARD, "heun": 2 * FORWARD, "student": FORWARD, "image": 0}  # of who predicts x1
ELSEWHERE = {"sampler", "init", "prediction", "dropout", "clip_target"}  # do not decide the student, or are in its fold


class SelfTaught(Method):
    """A fold whose loss is a row of `baselines.bootstrap`; by itself the same for all step counts, so trained once."""

    Settings: ClassVar[type[SelfTaughtSettings]]
    all_timesteps = True
    two_times = False  # the student is told where a step ends

    @property
    def anytime(self) -> bool:
        """Whether its row does not follow the progress."""
        return False

    def row(self, steps: int, levels: Tensor) -> Row:
        """Return what makes the method, for sigma / alpha (T,), float64, of the teacher's timesteps."""
        raise NotImplementedError

    def fold_name(self, steps: int) -> str:
        """Return the name of the fold to a step count."""
        return self.name

    def decides(self, steps: int) -> dict[str, Any]:
        """Return what else decides the student, if there is one for each step count."""
        return {}

    @property
    def clip(self) -> bool:
        """Whether a teacher's x0 is clipped in the target; by itself only if it predicts eps, as for `pd`."""
        own: bool | None = getattr(self.settings, "clip_target", False)
        return self.teacher.prediction == "eps" if own is None else own

    @property
    def target_decay(self) -> TargetDecay | None:
        """Of the moving average of the weights that the student learns from; none: from its weights as they are."""
        decay: float = getattr(self.settings, "target_ema", 0.0)
        return (lambda progress: decay) if decay else None

    @property
    def levels(self) -> Tensor:
        """sigma / alpha (T,), float64, of the teacher's timesteps."""
        return noise_levels(torch.from_numpy(alpha_bar_table(self.teacher.schedule, self.teacher.timesteps)))

    def student_spec(self) -> DenoiserSpec:
        """Return what the student is. Raises ParameterError if the teacher's network cannot be it."""
        network, dropout = self.teacher.network, self.settings.dropout
        own = {"two_times": True} if self.two_times else {}
        own |= {} if dropout is None else {"dropout": dropout}
        if own and not isinstance(network, UNetConfig):
            raise ParameterError(
                f"{self.name}.dropout" if dropout is not None else "--methods",
                f"{self.name} given, which needs {' and '.join(own)}; only the suite's own U-Net has that",
            )
        return self.teacher.model_copy(
            update={"network": network.model_copy(update=own), "prediction": self.settings.prediction}
        )

    def folds(self, steps: int) -> list[Fold]:
        self.timesteps(steps)  # refuses an impossible step count
        settings = self.settings
        others = set(settings.model_dump()) - set(type(settings.training()).model_fields) - ELSEWHERE
        own = {key: getattr(settings, key) for key in sorted(others)}

        def loss(teacher: Denoiser, student: Denoiser) -> Loss:
            return bootstrap_loss(teacher, student, self.row(steps, noise_levels(student.alpha_bar)))

        fold = Fold(
            name=self.fold_name(steps),
            spec=self.student_spec(),
            init=settings.init,
            train=settings.training(),
            evaluations=evaluations(self.row(steps, self.levels), settings.batch),
            settings={"objective": self.name, "clip": self.clip, **own, **self.decides(steps)},
            loss=loss,
            new_head=settings.init == "teacher" and self.teacher.prediction != settings.prediction,
            target_decay=self.target_decay,
            anytime=self.anytime,
        )
        return [fold]


def evaluations(row: Row, batch: int) -> Fraction:
    """Return the network evaluations of an iteration over the images of its batch."""
    some = round(row.share * batch) if row.base else batch
    others = (batch - some) * CALLS[row.base or row.first]
    return Fraction(some * (CALLS[row.first] + FORWARD) + others, batch) + FORWARD + BACKWARD
