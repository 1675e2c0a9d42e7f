"""SFDDM: single-fold distillation (Hong et al., ECML PKDD 2025, arXiv 2405.14961).

The student of T' steps works on T' of the teacher's noise levels, phi_0 < .. < phi_T'-1. It is trained in one fold to
reproduce the teacher's output, and the teacher's last hidden map, at those levels:

    loss = w_out |student(x_phi(t), t) - teacher(x_phi(t), phi(t))|_1 + w_hid |hidden_s - hidden_t|_1

`sfddm` is our reading of the paper (phi ends at the teacher's last timestep), `sfddm-reference` what the authors' code
does (phi starts at 0 and never reaches the last timestep; a list may be read as their code does after loading).
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from sfddm import grids
from sfddm.checkpoint import DenoiserSpec
from sfddm.ddpm import draw_index_and_eps
from sfddm.denoiser import Denoiser, express, q_sample, read
from sfddm.method import BACKWARD, FORWARD, Fold, Method
from sfddm.sampler import AncestralSampler, DDIMSampler, Sampler
from sfddm.settings import ReferenceSettings, SingleFoldSettings
from sfddm.training import Loss, Moment
from sfddm.words import plural


def single_fold_loss(
    teacher: Denoiser, student: Denoiser, settings: SingleFoldSettings, same_levels: bool = True
) -> Loss:
    """Return SFDDM's loss. `teacher` is the teacher respaced to phi: index t of both is the same noise level.

    If it is not, as in one reading of the authors' code, each sees its own noisy image of one x0 and eps.
    """
    distance = nn.functional.l1_loss if settings.output_loss == "l1" else nn.functional.mse_loss

    def loss(network: nn.Module, x0: Tensor, moment: Moment) -> Tensor:
        index, eps = draw_index_and_eps(len(student), x0, moment.generator)
        alpha_bar = student.alpha_bar[index]
        x = q_sample(x0, eps, alpha_bar)
        with torch.no_grad():
            seen = x if same_levels else q_sample(x0, eps, teacher.alpha_bar[index])
            target, target_hidden = teacher.raw_and_hidden(seen, index)
            if student.prediction != teacher.prediction:
                said = read(target, seen, teacher.alpha_bar[index], teacher.prediction)
                target = express(said, alpha_bar, student.prediction)
        output, hidden = network(x, student.time_input[index], return_hidden=True)
        value = settings.output_weight * distance(output, target)
        if settings.hidden_weight:
            value = value + settings.hidden_weight * nn.functional.l1_loss(hidden, target_hidden)
        return value

    return loss


class SingleFold(Method):
    """The paper's reading."""

    name = "sfddm"
    summary = SingleFoldSettings.summary
    Settings: ClassVar[type[SingleFoldSettings]] = SingleFoldSettings
    grid_setting = "subsequence"

    @property
    def sampler(self) -> Sampler:
        return DDIMSampler() if self.settings.sampler == "ddim" else AncestralSampler()

    def asked(self, steps: int) -> list[int]:
        """Return the timesteps at which the teacher is asked."""
        return self.timesteps(steps)

    def student_spec(self, steps: int) -> DenoiserSpec:
        """Return what the student is: the teacher's network on phi."""
        return self.teacher.model_copy(
            update={
                "indices": tuple(self.timesteps(steps)),
                "time_input": self.settings.time_input,
                "prediction": self.settings.prediction or self.teacher.prediction,
            }
        )

    def folds(self, steps: int) -> list[Fold]:
        settings, phi = self.settings, self.asked(steps)
        names = ("output_weight", "hidden_weight", "output_loss")
        elsewhere = {"asked": phi} if phi != self.timesteps(steps) else {}
        fold = Fold(
            name=f"{self.name} to {plural(steps, 'step')}",
            spec=self.student_spec(steps),
            init=settings.init,
            train=settings.training(),
            evaluations=FORWARD + FORWARD + BACKWARD,  # teacher; student
            settings={"objective": "single-fold", **{key: getattr(settings, key) for key in names}, **elsewhere},
            loss=lambda teacher, student: single_fold_loss(teacher.respaced(phi), student, settings, not elsewhere),
            new_head=settings.init == "teacher" and settings.prediction not in (None, self.teacher.prediction),
            anytime=True,
        )
        return [fold]


class SingleFoldReference(SingleFold):
    """The authors' code."""

    name = "sfddm-reference"
    summary = ReferenceSettings.summary
    Settings: ClassVar[type[SingleFoldSettings]] = ReferenceSettings

    def timesteps(self, steps: int) -> list[int]:
        of_teacher = self.asked(steps)
        return of_teacher if self.settings.list_reading == "meant" else grids.authors(self.teacher.timesteps, steps)

    def asked(self, steps: int) -> list[int]:
        return super().timesteps(steps)
