"""The teacher's objective: DDPM (Ho, Jain, Abbeel, NeurIPS 2020) on every timestep."""

from torch import Tensor, nn

from sfddm.denoiser import Denoiser, Output, express, per_image, q_sample
from sfddm.noise import BatchGenerator
from sfddm.training import Loss, Moment


def ddpm_loss(denoiser: Denoiser) -> Loss:
    """Return the simple DDPM loss (Ho et al. 2020, equation 14) over the denoiser's indices, for its prediction.

    MSE on eps or x0; on v it is weighted by SNR / (SNR + 1) = alpha_bar, as in the SFDDM authors' library.
    """

    def loss(network: nn.Module, x0: Tensor, moment: Moment) -> Tensor:
        index, eps = draw_index_and_eps(len(denoiser), x0, moment.generator)
        alpha_bar = denoiser.alpha_bar[index]
        raw = network(q_sample(x0, eps, alpha_bar), denoiser.time_input[index])
        return ddpm_error(denoiser, raw, x0, eps, index)

    return loss


def ddpm_error(
    denoiser: Denoiser, raw: Tensor, x0: Tensor, eps: Tensor, index: Tensor, more: Tensor | None = None
) -> Tensor:
    """Return the mean squared error of a raw prediction at index (N,), and of what is added to it before its weight."""
    alpha_bar = denoiser.alpha_bar[index]
    error = (raw - express(Output(x0, eps), alpha_bar, denoiser.prediction)) ** 2
    error = error if more is None else error + more
    return (error * per_image(alpha_bar, error) if denoiser.prediction == "v" else error).mean()


def draw_index_and_eps(n: int, x0: Tensor, generator: BatchGenerator) -> tuple[Tensor, Tensor]:
    """Return an index (N,), long, uniform on 0..n-1, and noise of x0's shape (N,C,H,W), for the generator's images."""
    return generator.below(n), generator.normal(x0.shape[1:])
