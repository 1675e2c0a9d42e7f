"""ct-reference: what the SFDDM authors compare with under the name of consistency training.

A T'-step DDPM of its own schedule, trained without a teacher, whose output at each step is also drawn to its own output
at the noisier step beside it, for the same x0 and eps. It has no boundary condition, so it is no consistency model; it
is here so that the authors' comparison can be repeated as it was made.
"""

import torch
from torch import Tensor, nn

from baselines.scratch import Scratch
from baselines.settings import CTReferenceSettings
from sfddm.ddpm import ddpm_error, draw_index_and_eps
from sfddm.denoiser import Denoiser, q_sample
from sfddm.errors import ParameterError
from sfddm.method import BACKWARD, FORWARD, Fold
from sfddm.training import Loss, Moment
from sfddm.words import plural


def adjacent_loss(student: Denoiser) -> Loss:
    """Return the DDPM loss plus the squared difference of the raw outputs at t and, without gradient, at t + 1."""

    def loss(network: nn.Module, x0: Tensor, moment: Moment) -> Tensor:
        index, eps = draw_index_and_eps(len(student) - 1, x0, moment.generator)
        raw = network(q_sample(x0, eps, student.alpha_bar[index]), student.time_input[index])
        with torch.no_grad():
            beside = moment.target(q_sample(x0, eps, student.alpha_bar[index + 1]), student.time_input[index + 1])
        return ddpm_error(student, raw, x0, eps, index, (raw - beside) ** 2)

    return loss


class CTReference(Scratch):
    """The authors' variant."""

    name = "ct-reference"
    summary = CTReferenceSettings.summary
    Settings = CTReferenceSettings

    def timesteps(self, steps: int) -> list[int]:
        if steps == 1:
            raise ParameterError("steps", f"1 given, 2 or more possible for {self.name}, which compares adjacent steps")
        return super().timesteps(steps)

    def folds(self, steps: int) -> list[Fold]:
        self.timesteps(steps)  # refuses an impossible step count
        fold = Fold(
            name=f"{self.name} to {plural(steps, 'step')}",
            spec=self.student_spec(steps),
            init="random",
            train=self.settings.training(),
            evaluations=FORWARD + FORWARD + BACKWARD,
            settings={"objective": self.name},
            loss=lambda teacher, student: adjacent_loss(student),
            anytime=True,
        )
        return [fold]
