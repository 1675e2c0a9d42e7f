"""What is compared: the set-up that all share, and the contestants, ours and other packages', of a part."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from sfddm.training import TrainSettings
from sfddm.unet import UNetConfig

OURS, AGAIN, DEFAULTS = "sfddm-bench", "sfddm-bench (again)", "sfddm-bench, defaults"
LUCIDRAINS, DIFFUSERS, CLEAN_FID, PYTORCH_FID = "denoising-diffusion-pytorch", "diffusers", "clean-fid", "pytorch-fid"
MODULES = {LUCIDRAINS: "denoising_diffusion_pytorch", DIFFUSERS: "diffusers", CLEAN_FID: "cleanfid",
           PYTORCH_FID: "pytorch_fid"}  # fmt: skip


@dataclass(frozen=True)
class SetUp:
    """What every contestant works with: the network's shape, images (pixels a side), batch, device, timesteps.

    `defaults` are the preset's training settings, which only our own second entry follows.
    """

    network: UNetConfig
    pixels: int
    batch: int
    device: str
    timesteps: int
    defaults: TrainSettings
    dimension: int = 2048


@dataclass(frozen=True)
class Work:
    """A built contestant: `call(n)` does n units of work, without waiting for the device; it may return a value."""

    call: Callable[[int], object]
    parameters: int | None = None


Build = Callable[[SetUp], Work]


@dataclass(frozen=True)
class Part:
    """One comparison. `per_unit`: how many of `unit` one unit of work makes. builders: by contestant, ours first."""

    name: str
    unit: str
    per_unit: int
    builders: Mapping[str, Build]
    memory: bool = False
    skipped: dict[str, str] = field(default_factory=dict)


def part_of(name: str, unit: str, per_unit: int, builders: Mapping[str, Build], memory: bool = False) -> Part:
    """Return a part with the contestants that are installed; the others are named with the reason."""
    skipped = {key: "not installed" for key in builders if key in MODULES and find_spec(MODULES[key]) is None}
    there = {key: build for key, build in builders.items() if key not in skipped}
    return Part(name, unit, per_unit, there, memory, skipped)


def package_version(name: str) -> str | None:
    """Return the version of a contestant's package; None for one that is not installed, and for ours."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
