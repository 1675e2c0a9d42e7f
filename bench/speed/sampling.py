"""Sampling by DDIM, from the drawing of the latents to uint8 images: one unit is one batch."""

from functools import partial
from typing import Any

import numpy as np
import torch

from bench.speed.contestants import AGAIN, DIFFUSERS, LUCIDRAINS, OURS, Part, SetUp, Work, part_of
from bench.speed.references import diffusers_network, lucidrains_diffusion, parameters
from sfddm.checkpoint import DenoiserSpec
from sfddm.grids import grid
from sfddm.noise import ImageNoise
from sfddm.sampler import ddim, to_uint8


def sampling_part(steps: int, batch: int) -> Part:
    """Return the comparison of sampling at a step count."""
    builders = {OURS: ours, AGAIN: ours, LUCIDRAINS: lucidrains, DIFFUSERS: diffusers}
    name = f"sampling, {steps} step{'s' * (steps != 1)}"
    return part_of(name, "images/s", batch, {key: partial(build, steps=steps) for key, build in builders.items()})


def ours(setup: SetUp, steps: int) -> Work:
    """Our sampler on the trailing grid."""
    spec = DenoiserSpec(network=setup.network, timesteps=setup.timesteps)
    indices = grid("trailing", setup.timesteps, steps, "grid")
    denoiser = spec.denoiser(spec.fresh_network(seed=0).eval()).to(setup.device).respaced(indices)
    shape = (setup.network.channels, setup.pixels, setup.pixels)

    def call(batches: int) -> None:
        for _ in range(batches):
            to_uint8(ddim(denoiser, ImageNoise(0, range(setup.batch), shape, setup.device)))

    return Work(call, parameters(denoiser.network))


def lucidrains(setup: SetUp, steps: int) -> Work:
    """denoising-diffusion-pytorch's own DDIM."""
    diffusion = lucidrains_diffusion(setup, steps).eval()

    def call(batches: int) -> None:
        for _ in range(batches):
            (diffusion.sample(setup.batch) * 255).round().to(torch.uint8)

    return Work(call, parameters(diffusion))


def diffusers(setup: SetUp, steps: int) -> Work:
    """diffusers' DDIMPipeline, to arrays."""
    from diffusers import DDIMPipeline, DDIMScheduler

    network = diffusers_network(setup).eval()
    pipeline: Any = DDIMPipeline(network, DDIMScheduler(num_train_timesteps=setup.timesteps))
    pipeline.set_progress_bar_config(disable=True)

    def call(batches: int) -> None:
        for _ in range(batches):
            images = pipeline(setup.batch, num_inference_steps=steps, output_type="np").images
            (images * 255).round().astype(np.uint8)

    return Work(call, parameters(network))
