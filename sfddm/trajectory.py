"""sfddm-trajectory: a single fold whose student steps cover the teacher steps that they skip (ours).

For a student step from phi_hi down to phi_lo the teacher takes K DDIM steps phi_hi = u_0 > .. > u_K = phi_lo.
With x_k its x-prediction at u_k and rho = alpha / sigma, the student's target is the convex combination

    x~ = sum_k x_k (rho_{k+1} - rho_k) / (rho_K - rho_0)          (x_{K-1} when u_K is the clean image)

A student that outputs x~ makes in one DDIM step exactly what the teacher makes in K. K = 2 is progressive
distillation's target (Salimans and Ho 2022, equation 8 / appendix G); K = T/T' needs no intermediate students.

Others have led a student to the end of several teacher steps before: knowledge distillation of whole samples (Luhman
and Luhman 2021), TRACT (Berthelot et al. 2023) and multistep consistency models (Heek et al. 2024), which ask the
student for all steps but the first (`baselines.multistep`), and SFD (Zhou et al., NeurIPS 2024), which takes steps of a
teacher from points that the student itself has come to.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sfddm.ddpm import draw_index_and_eps
from sfddm.denoiser import Denoiser, q_sample
from sfddm.method import BACKWARD, FORWARD, Fold, Method
from sfddm.settings import TrajectorySettings, Weight
from sfddm.targets import CLEAN, trajectory_target, x_loss
from sfddm.training import Loss, Moment
from sfddm.words import plural


def path_table(phi: Sequence[int], substeps: int) -> Tensor:
    """Return the teacher indices (T', K+1), long, that cover each student step: from phi_j down to phi_{j-1}.

    The last column of row 0 is CLEAN. If a step crosses fewer than K indices, the path repeats its start: a repeated
    index has no weight in the target and moves nothing.
    """
    rows = []
    for high, low in zip(phi, [CLEAN, *phi[:-1]], strict=True):
        k = min(substeps, high - low)
        rows.append([high] * (substeps - k) + [high - i * (high - low) // k for i in range(k + 1)])
    return torch.tensor(rows)


def trajectory_loss(teacher: Denoiser, student: Denoiser, paths: Tensor, weight: Weight, clip: bool) -> Loss:
    """Return the loss of a student whose index j stands for the teacher's path paths[j]."""
    paths = paths.to(teacher.alpha_bar.device)  # once: a copy in the loop would wait for the GPU

    def loss(network: nn.Module, x0: Tensor, moment: Moment) -> Tensor:
        index, eps = draw_index_and_eps(len(student), x0, moment.generator)
        alpha_bar = student.alpha_bar[index]
        x = q_sample(x0, eps, alpha_bar)
        with torch.no_grad():
            target = trajectory_target(teacher, x, paths[index], clip)
        raw = network(x, student.time_input[index])
        return x_loss(raw, target, x, alpha_bar, student.prediction, weight)

    return loss


class Trajectory(Method):
    """Ours."""

    name = "sfddm-trajectory"
    summary = TrajectorySettings.summary
    Settings = TrajectorySettings
    grid_setting = "subsequence"

    def folds(self, steps: int) -> list[Fold]:
        settings, phi = self.settings, self.timesteps(steps)
        substeps = settings.substeps or min(max(self.teacher.timesteps // steps, 1), 16)
        paths = path_table(phi, substeps)
        fold = Fold(
            name=f"{self.name} to {plural(steps, 'step')}",
            # The teacher's weights know the teacher's timesteps, so the student is given phi(t), not t.
            spec=self.teacher.model_copy(
                update={"indices": tuple(phi), "time_input": "phi", "prediction": settings.prediction}
            ),
            init=settings.init,
            train=settings.training(),
            evaluations=substeps * FORWARD + FORWARD + BACKWARD,
            settings={
                "objective": "trajectory",
                "substeps": substeps,
                "weight": settings.weight,
                "clip": settings.clip_target,
            },
            loss=lambda teacher, student: trajectory_loss(
                teacher, student, paths, settings.weight, settings.clip_target
            ),
            new_head=settings.init == "teacher" and self.teacher.prediction != settings.prediction,
            anytime=True,
        )
        return [fold]
