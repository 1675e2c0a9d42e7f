"""A new last layer for a network that is to predict another quantity than the one whose weights it begins with.

The layer is the one that says best, in weighted least squares over noisy images, what the network said before: the
hidden map is what it was, and prediction, target and weight are those of distillation with the weight max(SNR, 1).
"""

from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sfddm.denoiser import Denoiser, Prediction, express, q_sample, read
from sfddm.noise import training_generator
from sfddm.sampler import from_uint8
from sfddm.targets import signal_to_noise

BATCHES = 8  # of noisy images; a layer has hundreds of numbers, and each pixel is an equation
NO_ITERATION = 2**40  # what is drawn here is drawn in no iteration of the training that follows


@torch.no_grad()
def fit_head(student: Denoiser, said: Prediction, pixels: Tensor, batch: int, seed: int) -> None:
    """Give a student, whose network still predicts `said`, the last layer that predicts what its `prediction` names.

    pixels: uint8 (N,C,H,W) to draw from, `batch` at a time. The network's x0 is clipped to [-1, 1]: read from eps near
    the noisiest timestep, it would be off by hundreds.
    """
    head = cast(nn.Conv2d, student.network.head)
    device, generator = student.alpha_bar.device, training_generator(seed, NO_ITERATION)
    window, padding = cast(tuple[int, int], head.kernel_size), cast(tuple[int, int], head.padding)
    inputs = head.weight[0].numel() + 1  # the last one is the bias's
    normal = torch.zeros(inputs, inputs, dtype=torch.float64, device=device)
    right = torch.zeros(inputs, len(head.weight), dtype=torch.float64, device=device)
    for _ in range(BATCHES):
        image = torch.randint(len(pixels), (batch,), generator=generator)
        index = torch.randint(len(student), (batch,), generator=generator).to(device)
        x0 = from_uint8(pixels[image.to(pixels.device)]).to(device)
        eps = torch.randn(x0.shape, generator=generator).to(device)
        alpha_bar = student.alpha_bar[index]
        x = q_sample(x0, eps, alpha_bar)
        raw, hidden = student.network(x, student.time_input[index], return_hidden=True)
        wanted = express(read(raw, x, alpha_bar, said, clip=True), alpha_bar, student.prediction)
        seen = F.unfold(hidden, window, padding=padding).double()  # (N, inputs of the layer, pixels)
        seen = torch.cat([seen, torch.ones_like(seen[:, :1])], dim=1)
        weighted = seen * weight(alpha_bar, student.prediction)[:, None, None]
        normal += torch.einsum("nip,njp->ij", weighted, seen)
        right += torch.einsum("nip,ncp->ic", weighted, wanted.flatten(2).double())
    solution = torch.linalg.lstsq(normal.cpu(), right.cpu(), driver="gelsd").solution.to(head.weight)
    head.weight.copy_(solution[:-1].T.reshape(head.weight.shape))
    cast(Tensor, head.bias).copy_(solution[-1])


def weight(alpha_bar: Tensor, prediction: Prediction) -> Tensor:
    """Return the weights (N,), float64, of squared errors of a prediction that weigh those of x0 by max(SNR, 1)."""
    snr = signal_to_noise(alpha_bar)
    of_x0 = {"x0": torch.ones_like(snr), "v": snr + 1, "eps": snr}[prediction]
    return snr.clamp(min=1) / of_x0
