"""sfddm-trajectory: a single fold whose student steps cover the teacher steps that they skip (ours).

For a student step from phi_hi down to phi_lo the teacher takes K DDIM steps phi_hi = u_0 > .. > u_K = phi_lo.
With x_k its x-prediction at u_k and rho = alpha / sigma, the student's target is the convex combination

    x~ = sum_k x_k (rho_{k+1} - rho_k) / (rho_K - rho_0)          (x_{K-1} when u_K is the clean image)

A student that outputs x~ makes in one DDIM step exactly what the teacher makes in K. K = 2 is progressive
distillation's target (Salimans and Ho 2022, equation 8 / appendix G); K = T/T' needs no intermediate students.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sfddm.ddpm import draw_index_and_eps
from sfddm.denoiser import Denoiser, Prediction, per_image, q_sample, read
from sfddm.method import BACKWARD, FORWARD, Fold, Method
from sfddm.sampler import ddim_step
from sfddm.settings import TrajectorySettings, Weight
from sfddm.training import Loss
from sfddm.words import plural

CLEAN = -1  # the index of the clean image, where alpha_bar = 1


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


def signal_to_noise(alpha_bar: Tensor) -> Tensor:
    """Return SNR = alpha_bar / (1 - alpha_bar), same shape and dtype; infinite for a clean image."""
    return alpha_bar / (1 - alpha_bar)


def target_weights(alpha_bar: Tensor) -> Tensor:
    """Return the weights (N,K), float64, of the K x-predictions along paths with float64 alpha_bar (N,K+1)."""
    rho = signal_to_noise(alpha_bar).sqrt()
    weights = rho.diff(dim=1) / (rho[:, -1:] - rho[:, :1])
    only_last = torch.zeros_like(weights)
    only_last[:, -1] = 1
    return torch.where(alpha_bar[:, -1:] == 1, only_last, weights)


def trajectory_target(teacher: Denoiser, x: Tensor, path: Tensor, clip: bool) -> Tensor:
    """Return x~ (N,C,H,W) for x at teacher indices path[:, 0]; its path (N,K+1), long, ends at path[:, -1] or CLEAN."""
    alpha_bar = torch.cat([teacher.alpha_bar, teacher.alpha_bar.new_ones(1)])[path]  # index -1 is the clean image
    weights = target_weights(alpha_bar)
    target = torch.zeros_like(x)
    last = path.shape[1] - 2
    for k in range(last + 1):
        output = teacher(x, path[:, k], clip)
        target = target + per_image(weights[:, k], x) * output.x0
        if k < last:
            x = ddim_step(x, output, alpha_bar[:, k], alpha_bar[:, k + 1])
    return target


def x_loss(raw: Tensor, target: Tensor, x: Tensor, alpha_bar: Tensor, prediction: Prediction, weight: Weight) -> Tensor:
    """Return the weighted squared error on x0 of a raw prediction, mean over everything.

    Truncated SNR is max(SNR, 1) x_mse, `snr+1` is v's (Salimans and Ho 2022, section 4). For v the error is taken on v
    itself, (1 + SNR) x_mse = v_mse, so that no large weight multiplies a small difference.
    """
    snr = signal_to_noise(alpha_bar)
    factor = snr.clamp(min=1) if weight == "truncated-snr" else snr + 1
    if prediction == "v":
        alpha, sigma = per_image(alpha_bar.sqrt(), x), per_image((1 - alpha_bar).sqrt(), x)
        error = (raw - (alpha * x - target) / sigma) ** 2
        factor = factor / (snr + 1)
    else:
        error = (read(raw, x, alpha_bar, prediction).x0 - target) ** 2
    return (per_image(factor, error) * error).mean()


def trajectory_loss(teacher: Denoiser, student: Denoiser, paths: Tensor, weight: Weight, clip: bool) -> Loss:
    """Return the loss of a student whose index j stands for the teacher's path paths[j]."""
    paths = paths.to(teacher.alpha_bar.device)  # once: a copy in the loop would wait for the GPU

    def loss(network: nn.Module, x0: Tensor, generator: torch.Generator) -> Tensor:
        index, eps = draw_index_and_eps(len(student), x0, generator)
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
        )
        return [fold]
