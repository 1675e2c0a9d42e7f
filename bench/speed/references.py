"""The networks of other packages at our network's size."""

import warnings
from typing import Any

import torch
from torch import nn

from bench.speed.contestants import SetUp
from sfddm.unet import UNet, UNetConfig

WIDTH_STEP = 8  # GroupNorm's groups


def parameters(network: nn.Module) -> int:
    """Return the number of a network's parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def lucidrains_diffusion(setup: SetUp, steps: int | None = None) -> Any:
    """Return denoising-diffusion-pytorch's GaussianDiffusion over its U-Net of our configuration; DDIM in `steps`."""
    with warnings.catch_warnings():  # PyTorch's, of names that the package uses and PyTorch has deprecated
        warnings.simplefilter("ignore")
        from denoising_diffusion_pytorch import GaussianDiffusion, Unet
        from denoising_diffusion_pytorch import denoising_diffusion_pytorch as module

    module.tqdm = lambda iterable, **_: iterable  # its progress bar would be timed too
    config = setup.network
    network = Unet(config.dim, dim_mults=config.dim_mults, channels=config.channels, attn_heads=config.heads,
                   attn_dim_head=config.head_dim, full_attn=config.full_attention)  # fmt: skip
    return GaussianDiffusion(
        network,
        image_size=setup.pixels,
        timesteps=setup.timesteps,
        sampling_timesteps=steps,
        objective="pred_noise",
        beta_schedule="sigmoid",
    ).to(setup.device)


def diffusers_network(setup: SetUp) -> Any:
    """Return diffusers' UNet2DModel with our level multiples and the widths that come nearest our parameter count."""
    with torch.device("meta"):
        wanted = parameters(UNet(setup.network))
    widths = _widths(setup, wanted)
    with torch.device(setup.device):
        return _unet2d(widths, setup)


def _widths(setup: SetUp, wanted: int) -> tuple[int, ...]:
    """The largest base width that stays below, then a wider last level as near as it comes."""

    def count(widths: tuple[int, ...]) -> int:
        with torch.device("meta"):
            return parameters(_unet2d(widths, setup))

    def widths_of(base: int) -> tuple[int, ...]:
        return tuple(base * multiple for multiple in setup.network.dim_mults)

    base = WIDTH_STEP
    while count(widths_of(base + WIDTH_STEP)) <= wanted:
        base += WIDTH_STEP
    candidates = [widths_of(base)]
    while count(candidates[-1]) <= wanted:
        *others, last = candidates[-1]
        candidates.append((*others, last + WIDTH_STEP))
    return min(candidates[-2:], key=lambda widths: abs(count(widths) - wanted))


def _unet2d(widths: tuple[int, ...], setup: SetUp) -> Any:
    from diffusers import UNet2DModel

    config: UNetConfig = setup.network
    plain = len(widths) - 1  # attention on the innermost level, as in ours
    return UNet2DModel(
        sample_size=setup.pixels, in_channels=config.channels, out_channels=config.channels, block_out_channels=widths,
        down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",),
        up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * plain, norm_num_groups=WIDTH_STEP,
    )  # fmt: skip
