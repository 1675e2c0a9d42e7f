"""pd-reference: what the SFDDM authors compare with under the name of progressive distillation.

The student has a T'-step schedule of its own, starts from random weights, and matches the teacher's eps at index
c t for the same x0 and eps, by MSE. It never takes two teacher steps, so it is not progressive distillation; it is
here so that the authors' comparison can be repeated as it was made. Their code fixes c = 2 (T' = T / 2); other
step counts take c = T / T'.
"""

import torch
from torch import Tensor, nn

from baselines.scratch import Scratch
from baselines.settings import PDReferenceSettings
from sfddm import grids
from sfddm.ddpm import draw_index_and_eps
from sfddm.denoiser import Denoiser, q_sample
from sfddm.method import BACKWARD, FORWARD, Fold
from sfddm.training import Loss, Moment
from sfddm.words import plural


def matching_loss(teacher: Denoiser, student: Denoiser) -> Loss:
    """Return the MSE of two raw outputs, each on its own noisy image of one x0 and eps; teacher respaced to c t."""

    def loss(network: nn.Module, x0: Tensor, moment: Moment) -> Tensor:
        index, eps = draw_index_and_eps(len(student), x0, moment.generator)
        with torch.no_grad():
            target = teacher.raw(q_sample(x0, eps, teacher.alpha_bar[index]), index)
        output = network(q_sample(x0, eps, student.alpha_bar[index]), student.time_input[index])
        return nn.functional.mse_loss(output, target)

    return loss


class PDReference(Scratch):
    """The authors' variant."""

    name = "pd-reference"
    summary = PDReferenceSettings.summary
    Settings = PDReferenceSettings

    def timesteps(self, steps: int) -> list[int]:
        return grids.timesteps("leading", self.teacher.timesteps, steps)

    def folds(self, steps: int) -> list[Fold]:
        indices = self.timesteps(steps)
        fold = Fold(
            name=f"pd-reference to {plural(steps, 'step')}",
            spec=self.student_spec(steps),
            init="random",
            train=self.settings.training(),
            evaluations=FORWARD + FORWARD + BACKWARD,
            settings={"objective": "pd-reference", "teacher indices": indices},
            loss=lambda teacher, student: matching_loss(teacher.respaced(indices), student),
            anytime=True,
        )
        return [fold]
