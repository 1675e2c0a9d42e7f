"""What is compared: the terms that all share, a contest and its contestants, other packages' networks at our size."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from bench.config.settings import Config
from bench.speed.names import MODULES
from sfddm.training import TrainSettings
from sfddm.unet import UNet, UNetConfig

CPU_BATCH = 8
GROUPS = 8  # of GroupNorm in diffusers' U-Net; its widths are multiples of it


@dataclass(frozen=True)
class Terms:
    """What every contestant works with: the network's shape, pixels a side, images a batch, device, timesteps.

    defaults: the preset's training settings, which only our entry `DEFAULTS` follows. dimension: of the features whose
    Frechet distance is computed. threads: of the CPU; None leaves them as they are.
    """

    network: UNetConfig
    resolution: int
    batch: int
    device: str
    timesteps: int
    defaults: TrainSettings
    dimension: int = 2048
    threads: int | None = None


def terms_of(config: Config, batch: int | None, device: str) -> Terms:
    """Return the terms that a configuration sets; the images are random, so its dataset is not needed."""
    batch = batch or (CPU_BATCH if device == "cpu" else config.teacher.batch)
    return Terms(config.network, config.resolution, batch, device, config.teacher.timesteps, config.teacher.training())


@dataclass(frozen=True)
class Work:
    """A built contestant: `call(n)` does n units of work, without waiting for the device; it may return a value."""

    call: Callable[[int], object]
    parameters: int | None = None


Build = Callable[[Terms], Work]


@dataclass(frozen=True)
class Contest:
    """One comparison. `per_unit`: how many of `unit` one unit of work makes. builders: by contestant, ours first.

    memory: whether peak memory is measured too. skipped: who is left out, and why.
    """

    name: str
    unit: str
    per_unit: int
    builders: Mapping[str, Build]
    memory: bool = False
    skipped: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_installed(
        cls, name: str, unit: str, per_unit: int, builders: Mapping[str, Build], memory: bool = False
    ) -> "Contest":
        """Return a contest between those whose package is installed; the others are skipped."""
        skipped = {key: "not installed" for key in builders if key in MODULES and find_spec(MODULES[key]) is None}
        installed = {key: build for key, build in builders.items() if key not in skipped}
        return cls(name, unit, per_unit, installed, memory, skipped)


def package_version(name: str) -> str | None:
    """Return the version of a contestant's package; None if it is not installed, and for ours."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def parameter_count(network: nn.Module) -> int:
    """Return the number of a network's parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def lucidrains_diffusion(terms: Terms, steps: int | None = None) -> Any:
    """Return denoising-diffusion-pytorch's GaussianDiffusion over its U-Net of our configuration; DDIM in `steps`."""
    with warnings.catch_warnings():  # PyTorch's, about deprecated names that the package uses
        warnings.simplefilter("ignore")
        from denoising_diffusion_pytorch import GaussianDiffusion, Unet
        from denoising_diffusion_pytorch import denoising_diffusion_pytorch as module

    module.tqdm = lambda iterable, **_: iterable  # its progress bar would be timed too
    config = terms.network
    network = Unet(
        config.dim,
        dim_mults=config.dim_mults,
        channels=config.channels,
        attn_heads=config.heads,
        attn_dim_head=config.head_dim,
        full_attn=config.full_attention,
    )
    return GaussianDiffusion(
        network,
        image_size=terms.resolution,
        timesteps=terms.timesteps,
        sampling_timesteps=steps,
        objective="pred_noise",
        beta_schedule="sigmoid",
    ).to(terms.device)


def diffusers_network(terms: Terms) -> Any:
    """Return diffusers' UNet2DModel with our level multiples and the widths that come nearest our parameter count."""
    with torch.device("meta"):
        wanted = parameter_count(UNet(terms.network))
    widths = _nearest_widths(terms, wanted)
    with torch.device(terms.device):
        return _unet2d(widths, terms)


def _nearest_widths(terms: Terms, wanted: int) -> tuple[int, ...]:
    """The largest base width that stays below the wanted count, then the last level widened until it is nearest."""

    def count(widths: tuple[int, ...]) -> int:
        with torch.device("meta"):
            return parameter_count(_unet2d(widths, terms))

    def widths_of(base: int) -> tuple[int, ...]:
        return tuple(base * multiple for multiple in terms.network.dim_mults)

    base = GROUPS
    while count(widths_of(base + GROUPS)) <= wanted:
        base += GROUPS
    candidates = [widths_of(base)]
    while count(candidates[-1]) <= wanted:
        *others, last = candidates[-1]
        candidates.append((*others, last + GROUPS))
    return min(candidates[-2:], key=lambda widths: abs(count(widths) - wanted))


def _unet2d(widths: tuple[int, ...], terms: Terms) -> Any:
    from diffusers import UNet2DModel

    plain = len(widths) - 1  # attention on the innermost level, as in ours
    return UNet2DModel(
        sample_size=terms.resolution,
        in_channels=terms.network.channels,
        out_channels=terms.network.channels,
        block_out_channels=widths,
        down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",),
        up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * plain,
        norm_num_groups=GROUPS,
    )
