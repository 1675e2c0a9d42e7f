"""`huber`: a student of one fold that reproduces its teacher's output under a pseudo-Huber loss."""

import torch
from pydantic import Field
from torch import Tensor, nn

from sfddm import Denoiser, Fold, Method, TrainSettings
from sfddm.ddpm import draw_index_and_eps
from sfddm.denoiser import q_sample
from sfddm.method import BACKWARD, FORWARD
from sfddm.training import Loss, Moment
from sfddm.words import plural


class HuberSettings(TrainSettings):
    """How a student is trained, and the loss. Each is an option: --set huber.width=0.1"""

    width: float = Field(default=0.03, gt=0, description="errors below it count squared, above it by their size")


class Huber(Method):
    """Sampled by DDIM on evenly spaced timesteps, as a Method is that says nothing else."""

    name = "huber"
    summary = "one fold: the teacher's output under a pseudo-Huber loss"
    Settings = HuberSettings

    def folds(self, steps: int) -> list[Fold]:
        indices = self.timesteps(steps)
        return [
            Fold(
                name=f"huber to {plural(steps, 'step')}",
                spec=self.teacher.model_copy(update={"indices": tuple(indices), "time_input": "phi"}),
                init="random",
                train=self.settings.training(),
                evaluations=FORWARD + FORWARD + BACKWARD,  # the teacher; the student
                settings={"objective": "huber", "width": self.settings.width},
                loss=lambda teacher, student: huber_loss(teacher.respaced(indices), student, self.settings.width),
                anytime=True,  # nothing depends on how long it is trained: one training serves all --budgets
            )
        ]


def huber_loss(teacher: Denoiser, student: Denoiser, width: float) -> Loss:
    """Return the loss; index i of both is the same noise level."""

    def loss(network: nn.Module, x0: Tensor, moment: Moment) -> Tensor:
        index, eps = draw_index_and_eps(len(student), x0, moment.generator)
        x = q_sample(x0, eps, student.alpha_bar[index])
        with torch.no_grad():
            target = teacher.raw(x, index)
        error = network(x, student.time_input[index]) - target
        return ((error**2 + width**2).sqrt() - width).mean()

    return loss
