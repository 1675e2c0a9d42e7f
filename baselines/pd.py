"""Progressive distillation (Salimans and Ho, ICLR 2022, algorithm 2; google-research/diffusion_distillation).

Each fold halves the steps: a student with N steps learns to make in one DDIM step what its teacher with 2N steps
makes in two. It starts from its teacher's weights, with a new Adam, a learning rate that falls linearly to zero,
gradients clipped at 1, no dropout and no EMA. A chain to S steps starts at the largest S 2^k <= T; the trailing
grid of S 2^k is halved by keeping every second index, so the folds of a sweep to 1, 2, 4, 8 are shared. With more than
T/2 steps there is nothing to distil, and the images are the teacher's.
"""

import torch
from torch import Tensor

from baselines.settings import PDSettings
from sfddm.denoiser import Denoiser
from sfddm.method import BACKWARD, FORWARD, Fold, Method
from sfddm.training import Loss
from sfddm.trajectory import trajectory_loss
from sfddm.words import plural


def first_steps(timesteps: int, steps: int) -> tuple[int, int]:
    """Return (N0, k): the largest N0 = steps 2^k that is at most T."""
    folds = (timesteps // steps).bit_length() - 1
    return steps << folds, folds


def halving_paths(students: int) -> Tensor:
    """Return the index triples (N, 3), long, of each student step in its teacher's 2N indices: t, midpoint, s.

    With c = 2 the indices are t = 2j + 1, m = 2j, s = 2j - 1; the last s is the clean image.
    """
    t = 2 * torch.arange(students) + 1
    return torch.stack([t, t - 1, t - 2], dim=1)


class ProgressiveDistillation(Method):
    """As published."""

    name = "pd"
    summary = PDSettings.summary
    Settings = PDSettings

    def chain(self, steps: int) -> list[list[int]]:
        """Return the teacher indices of each model of the chain: the start's, then each fold's student's.

        Each is every second of those before it.
        """
        self.timesteps(steps)  # refuses an impossible step count
        start, folds = first_steps(self.teacher.timesteps, steps)
        return [self.timesteps(start >> number) for number in range(folds + 1)]

    def folds(self, steps: int) -> list[Fold]:
        first, *students = self.chain(steps)
        return [self._fold(first if number == 0 else None, indices) for number, indices in enumerate(students)]

    def _fold(self, start: list[int] | None, indices: list[int]) -> Fold:
        """Return one halving; `start`: the chain's first indices if its teacher is the teacher itself, else None."""
        settings = self.settings
        from_eps = start is not None and self.teacher.prediction == "eps"
        clip = from_eps if settings.clip_target is None else settings.clip_target
        paths = halving_paths(len(indices))

        def loss(teacher: Denoiser, student: Denoiser) -> Loss:
            doubled = teacher.respaced(start) if start is not None else teacher
            return trajectory_loss(doubled, student, paths, settings.weight, clip)

        return Fold(
            name=f"pd {2 * len(indices)} to {plural(len(indices), 'step')}",
            spec=self.teacher.model_copy(
                update={"indices": tuple(indices), "time_input": "phi", "prediction": settings.prediction}
            ),
            init="teacher",
            train=settings.training(),
            evaluations=2 * FORWARD + FORWARD + BACKWARD,
            settings={"objective": "pd", "weight": settings.weight, "clip": clip, "from": 2 * len(indices)},
            loss=loss,
            new_head=start is not None and self.teacher.prediction != settings.prediction,
            anytime=True,
        )
