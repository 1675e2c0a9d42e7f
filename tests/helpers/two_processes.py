"""What each process does in tests of several: torchrun runs this file, and the tests call it in one process."""

import sys
import warnings
from typing import Any

import torch
import torch.distributed as dist

from sfddm.checkpoint import DenoiserSpec
from sfddm.ddpm import ddpm_loss
from sfddm.distributed import WeightsDiffer, World, joined
from sfddm.noise import ImageNoise
from sfddm.performance import Performance
from sfddm.sampler import ddim, to_uint8
from sfddm.training import Training, TrainSettings, train
from sfddm.unet import UNetConfig

SPEC = DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1,), channels=1, heads=1, head_dim=8), timesteps=64)
PIXELS = torch.randint(0, 256, (30, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
SETTINGS = TrainSettings(iterations=60, batch=7, ema=0.9, clip_gradient=1.0, flip=True)
IMAGES, BATCH = 11, 4


def trained(world: World, performance: Performance) -> tuple[Training, list[float]]:
    """Return a small teacher trained by a world of processes, and its mean losses."""
    denoiser = SPEC.denoiser(SPEC.fresh_network(world.rank))  # all take the first process's weights
    training, losses = Training(denoiser.network, SETTINGS, 5, performance, world), []
    train(training, ddpm_loss(denoiser), PIXELS, "cpu", lambda _, value: losses.append(value))
    return training, losses


def gathered(world: World, part: Any) -> list[Any] | None:
    """Return every process's part, by rank, in the main one; None in the others."""
    if world.size == 1:
        return [part]
    parts: list[Any] | None = [None] * world.size if world.is_main else None
    dist.gather_object(part, parts)
    return parts


def sampled(world: World) -> torch.Tensor | None:
    """Return an untrained network's images in order, sampled by all processes, in the main one; None in the others."""
    denoiser = SPEC.denoiser(SPEC.fresh_network(3)).respaced(range(0, 64, 8))
    own = {
        start: to_uint8(ddim(denoiser, ImageNoise(0, range(start, min(start + BATCH, IMAGES)), (1, 4, 4))))
        for start in world.shard(range(0, IMAGES, BATCH))
    }
    parts = gathered(world, own)
    if parts is None:
        return None
    batches = {start: images for part in parts for start, images in part.items()}
    return torch.cat([batches[start] for start in sorted(batches)])


def refusal(world: World, network: torch.nn.Module) -> str:
    """Return the error message of the check when the second process's weights are off by one bit."""
    if world.rank == 1:
        weights = next(network.parameters()).detach().view(torch.int32)
        weights.view(-1)[0] += 1
    try:
        world.check_equal(network)
    except WeightsDiffer as error:
        return str(error)
    return ""


def warnings_of(world: World) -> list[str]:
    """Return what torch warns of when a network with 1x1 convolutions is trained in channels_last."""
    denoiser = SPEC.denoiser(SPEC.fresh_network(0))
    training = Training(
        denoiser.network, TrainSettings(iterations=2, batch=4), 5, Performance(channels_last=True), world
    )
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        train(training, ddpm_loss(denoiser), PIXELS, "cpu")
    return [str(one.message) for one in said]


def main(path: str) -> None:
    torch.set_num_threads(1)
    with joined() as world:
        warned = warnings_of(world)  # first, because torch says it once a process
        training, losses = trained(world, Performance(micro_batch=2))
        result = {"size": world.size, "losses": losses, "images": sampled(world)}
        refusals = gathered(world, refusal(world, training.network))
        if world.is_main:
            torch.save(result | {"refusals": refusals, "warned": warned}, path)
        world.wait()


if __name__ == "__main__":
    main(sys.argv[1])
