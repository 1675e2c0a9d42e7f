"""Training an eps-prediction teacher, and sampling from it with DDIM: ours and other packages.

Training: one unit is one iteration of one batch, forward, backward and Adam. The other packages' batches are made on
the device, without their loaders, EMA, clipping or logging: what is compared is the network, the loss and the step.
Sampling: one unit is one batch, from drawing the latents to uint8 images.
"""

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.speed.contestants import (
    AGAIN,
    DEFAULTS,
    DIFFUSERS,
    LUCIDRAINS,
    OURS,
    Contest,
    Terms,
    Work,
    diffusers_network,
    lucidrains_diffusion,
    parameter_count,
)
from sfddm.checkpoint import DenoiserSpec
from sfddm.ddpm import ddpm_loss
from sfddm.grids import timesteps
from sfddm.noise import ImageNoise
from sfddm.sampler import ddim, to_uint8
from sfddm.training import Training, TrainSettings, train

IMAGES = 512  # random ones: what they show does not change the time
LEARNING_RATE = 2e-4
STEPS = (1, 10, 100)


def training_contest() -> Contest:
    """Return the contest of training, in iterations/s."""
    builders = {
        OURS: our_training,
        AGAIN: our_training,
        DEFAULTS: our_default_training,
        LUCIDRAINS: lucidrains_training,
        DIFFUSERS: diffusers_training,
    }
    return Contest.of_installed("training", "iterations/s", 1, builders, memory=True)


def sampling_contests(terms: Terms) -> list[Contest]:
    """Return the contests of sampling, in images/s: one for each step count that the timesteps allow."""
    builders = {OURS: our_sampling, AGAIN: our_sampling, LUCIDRAINS: lucidrains_sampling, DIFFUSERS: diffusers_sampling}
    return [
        Contest.of_installed(
            f"sampling, {steps} step{'s' * (steps != 1)}",
            "images/s",
            terms.batch,
            {name: partial(build, steps=steps) for name, build in builders.items()},
        )
        for steps in STEPS
        if steps <= terms.timesteps
    ]


def random_images(terms: Terms) -> Tensor:
    """Return random images, uint8 (IMAGES, channels, resolution, resolution) on the device, the same in every call."""
    shape = (IMAGES, terms.network.channels, terms.resolution, terms.resolution)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).to(terms.device)


def our_training(terms: Terms) -> Work:
    """Return our loop doing what the other packages do: float32, no EMA, no clipping, no flips."""
    return _our_training(terms, TrainSettings.model_validate({"batch": terms.batch, "learning_rate": LEARNING_RATE}))


def our_default_training(terms: Terms) -> Work:
    """Return our loop with the preset's training settings, but at the common batch."""
    return _our_training(terms, terms.defaults.training().model_copy(update={"batch": terms.batch}))


def _our_training(terms: Terms, settings: TrainSettings) -> Work:
    spec = DenoiserSpec(network=terms.network, timesteps=terms.timesteps)
    denoiser = spec.denoiser(spec.fresh_network(seed=0)).to(terms.device)
    training, loss, images = Training(denoiser.network, settings, seed=0), ddpm_loss(denoiser), random_images(terms)

    def call(iterations: int) -> None:
        training.settings = settings.model_copy(update={"iterations": training.iteration + iterations})
        train(training, loss, images, terms.device)

    return Work(call, parameter_count(denoiser.network))


def lucidrains_training(terms: Terms) -> Work:
    """Return denoising-diffusion-pytorch's loss under Adam."""
    diffusion = lucidrains_diffusion(terms).train()
    images = random_images(terms) / 255
    optimizer = torch.optim.Adam(diffusion.parameters(), lr=LEARNING_RATE)

    def call(iterations: int) -> None:
        for _ in range(iterations):
            batch = images[torch.randint(IMAGES, (terms.batch,), device=terms.device)]
            diffusion(batch).backward()
            optimizer.step()
            optimizer.zero_grad()

    return Work(call, parameter_count(diffusion))


def diffusers_training(terms: Terms) -> Work:
    """Return the loop of diffusers' own training example, under Adam."""
    from diffusers import DDPMScheduler

    network = diffusers_network(terms).train()
    scheduler: Any = DDPMScheduler(num_train_timesteps=terms.timesteps)
    images = random_images(terms) / 127.5 - 1
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)

    def call(iterations: int) -> None:
        for _ in range(iterations):
            batch = images[torch.randint(IMAGES, (terms.batch,), device=terms.device)]
            eps = torch.randn_like(batch)
            timestep = torch.randint(terms.timesteps, (terms.batch,), device=terms.device)
            output = network(scheduler.add_noise(batch, eps, timestep), timestep).sample
            torch.nn.functional.mse_loss(output, eps).backward()
            optimizer.step()
            optimizer.zero_grad()

    return Work(call, parameter_count(network))


def our_sampling(terms: Terms, steps: int) -> Work:
    """Return our DDIM sampler on the trailing grid."""
    spec = DenoiserSpec(network=terms.network, timesteps=terms.timesteps)
    indices = timesteps("trailing", terms.timesteps, steps)
    denoiser = spec.denoiser(spec.fresh_network(seed=0).eval()).to(terms.device).respaced(indices)
    shape = (terms.network.channels, terms.resolution, terms.resolution)

    def call(batches: int) -> None:
        for _ in range(batches):
            to_uint8(ddim(denoiser, ImageNoise(0, range(terms.batch), shape, terms.device)))

    return Work(call, parameter_count(denoiser.network))


def lucidrains_sampling(terms: Terms, steps: int) -> Work:
    """Return denoising-diffusion-pytorch's own DDIM."""
    diffusion = lucidrains_diffusion(terms, steps).eval()

    def call(batches: int) -> None:
        for _ in range(batches):
            (diffusion.sample(terms.batch) * 255).round().to(torch.uint8)

    return Work(call, parameter_count(diffusion))


def diffusers_sampling(terms: Terms, steps: int) -> Work:
    """Return diffusers' DDIMPipeline, to arrays."""
    from diffusers import DDIMPipeline, DDIMScheduler

    network = diffusers_network(terms).eval()
    pipeline: Any = DDIMPipeline(network, DDIMScheduler(num_train_timesteps=terms.timesteps))
    pipeline.set_progress_bar_config(disable=True)

    def call(batches: int) -> None:
        for _ in range(batches):
            images = pipeline(terms.batch, num_inference_steps=steps, output_type="np").images
            (images * 255).round().astype(np.uint8)

    return Work(call, parameter_count(network))
