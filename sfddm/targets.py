"""What a student of one step is to predict, if the step is to end where several predictions in turn lead.

A DDIM step is an Euler step in sigma / alpha whose slope is eps, so with rho = alpha / sigma the x-prediction that
takes x_t to noise level s in one step, where x1 leads from t to m and x2 from m to s, is

    x~ = w x1 + (1 - w) x2,    w = (rho_m - rho_t) / (rho_s - rho_t)

With s the clean image w = 0, and with m = s it is 1. Every method that distils steps is a choice of who predicts x1 and
x2, of m and of s: the teacher twice for progressive distillation (Salimans and Ho 2022, appendix G), the teacher and
the student itself for TRACT (Berthelot et al. 2023) and consistency distillation (Song et al. 2023). More than two
predictions on the way are `trajectory_target`.
"""

import torch
from torch import Tensor

from sfddm.denoiser import Denoiser, Prediction, per_image, read
from sfddm.sampler import ddim_step
from sfddm.settings import Weight

CLEAN = -1  # the index of the clean image, where alpha_bar = 1


def with_clean(alpha_bar: Tensor) -> Tensor:
    """Return alpha_bar (n,) with that of the clean image at its end, which is index CLEAN."""
    return torch.cat([alpha_bar, alpha_bar.new_ones(1)])


def signal_to_noise(alpha_bar: Tensor) -> Tensor:
    """Return SNR = alpha_bar / (1 - alpha_bar), same shape and dtype; infinite for a clean image."""
    return alpha_bar / (1 - alpha_bar)


def target_weights(rho: Tensor) -> Tensor:
    """Return the weights (N,K), float64, of the K x-predictions along a path of rho (N,K+1), float64.

    An interval of no length has no weight. rho may end with infinities: clean images.
    """
    weights = rho.diff(dim=1) / (rho[:, -1:] - rho[:, :1])
    arrives = rho.isinf().diff(dim=1)  # the one prediction that leads to the clean image
    return torch.where(rho[:, -1:].isinf(), arrives.to(rho), weights)


def bootstrap_target(x1: Tensor, x2: Tensor, rho_t: Tensor, rho_m: Tensor, rho_s: Tensor) -> Tensor:
    """Return x~ (N,C,H,W) of the x-predictions x1 at t and x2 at m; rho: (N,), float64, infinite if clean.

    x1 itself if m = s, x2 itself if s is clean and m is not.
    """
    weights = target_weights(torch.stack([rho_t, rho_m, rho_s], dim=1))
    return per_image(weights[:, 0], x1) * x1 + per_image(weights[:, 1], x2) * x2


def trajectory_target(teacher: Denoiser, x: Tensor, path: Tensor, clip: bool) -> Tensor:
    """Return x~ (N,C,H,W) for x at teacher indices path[:, 0]; its path (N,K+1), long, ends at path[:, -1] or CLEAN.

    With K = 2 it is the bootstrap target of the teacher's two predictions.
    """
    alpha_bar = with_clean(teacher.alpha_bar)[path]
    weights = target_weights(signal_to_noise(alpha_bar).sqrt())
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

    Truncated SNR is max(SNR, 1) x_mse, `snr+1` is v's (Salimans and Ho 2022, section 4), `one` is x_mse itself.
    """
    factor, error = weighted_error(raw, target, x, alpha_bar, prediction, weight)
    return (per_image(factor, error) * error).mean()


def weighted_error(
    raw: Tensor, target: Tensor, x: Tensor, alpha_bar: Tensor, prediction: Prediction, weight: Weight
) -> tuple[Tensor, Tensor]:
    """Return the factors (N,), float64, and the squared errors (N,C,H,W) that make the weighted squared error on x0.

    For v the error is taken on v itself, (1 + SNR) x_mse = v_mse, so that no large weight multiplies a small
    difference.
    """
    snr = signal_to_noise(alpha_bar)
    factor = {"truncated-snr": snr.clamp(min=1), "snr+1": snr + 1, "one": torch.ones_like(snr)}[weight]
    if prediction == "v":
        alpha, sigma = per_image(alpha_bar.sqrt(), x), per_image((1 - alpha_bar).sqrt(), x)
        return factor / (snr + 1), (raw - (alpha * x - target) / sigma) ** 2
    return factor, (read(raw, x, alpha_bar, prediction).x0 - target) ** 2
