"""Training an eps-prediction teacher, and sampling from it with DDIM: ours and other packages.

Training: one unit is one iteration of one batch, forward, backward and Adam. The other packages' batches are made on
the device, without their loaders, EMA, clipping or logging: what is compared is the network, the loss and the step.
Sampling: one unit is one batch, from drawing the latents to uint8 images.
"""

from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.speed.contestants import Contest, Terms, Work, diffusers_network, lucidrains_diffusion, parameter_count
from bench.speed.names import AGAIN, COMPILED, DEFAULTS, DIFFUSERS, LUCIDRAINS, OURS
from sfddm.checkpoint import DenoiserSpec
from sfddm.compiling import fault
from sfddm.ddpm import ddpm_loss
from sfddm.denoiser import Denoiser
from sfddm.grids import timesteps
from sfddm.noise import ImageNoise
from sfddm.performance import Performance
from sfddm.sampler import ddim, to_uint8
from sfddm.training import Training, TrainSettings, train

IMAGES = 512  # random ones: what they show does not change the time
LEARNING_RATE = 2e-4
STEPS = (1, 10, 100)
EAGER, COMPILING = Performance(compile=False), Performance(compile=True)


def training_contest(terms: Terms) -> Contest:
    """Return the contest of training, in iterations/s; on a CPU training is never compiled."""
    compiled = {} if terms.device == "cpu" else {COMPILED: our_compiled_training}
    builders = {
        OURS: our_training,
        AGAIN: our_training,
        **compiled,
        DEFAULTS: our_default_training,
        LUCIDRAINS: lucidrains_training,
        DIFFUSERS: diffusers_training,
    }
    return Contest.of_installed("training", "iterations/s", 1, builders, memory=True)


def sampling_contests(terms: Terms) -> list[Contest]:
    """Return the contests of sampling, in images/s: one for each step count that the timesteps allow."""
    builders = {
        OURS: our_sampling,
        AGAIN: our_sampling,
        COMPILED: our_compiled_sampling,
        LUCIDRAINS: lucidrains_sampling,
        DIFFUSERS: diffusers_sampling,
    }
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
    """Return our loop doing what the other packages do: eager, float32, no EMA, no clipping, no flips."""
    return training_work(terms, _plain(terms), EAGER)


def our_compiled_training(terms: Terms) -> Work:
    """Return the same loop with its network compiled."""
    return training_work(terms, _plain(terms), _compiling(terms))


def our_default_training(terms: Terms) -> Work:
    """Return our loop with the preset's training settings, but at the common batch, run as is the device's default."""
    return training_work(terms, terms.defaults.training().model_copy(update={"batch": terms.batch}), Performance())


def _plain(terms: Terms) -> TrainSettings:
    return TrainSettings.model_validate({"batch": terms.batch, "learning_rate": LEARNING_RATE})


def _compiling(terms: Terms) -> Performance:
    """What compiles; raises RuntimeError if this machine cannot, for it would run eager under another name."""
    reason = fault(terms.device.partition(":")[0])
    if reason is not None:
        raise RuntimeError(f"nothing can be compiled here: {reason}")
    return COMPILING


def training_work(terms: Terms, settings: TrainSettings, performance: Performance) -> Work:
    """Return our loop, run with some settings in some way."""
    spec = DenoiserSpec(network=terms.network, timesteps=terms.timesteps)
    denoiser = spec.denoiser(spec.fresh_network(seed=0)).to(terms.device)
    training, images = Training(denoiser.network, settings, seed=0, performance=performance), random_images(terms)
    loss = ddpm_loss(denoiser)

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
    """Return our DDIM sampler on the trailing grid, eager."""
    return sampling_work(terms, _shared(terms), steps, EAGER)


def our_compiled_sampling(terms: Terms, steps: int) -> Work:
    """Return the same sampler with its network compiled: once for all step counts, for their graphs are the same."""
    return sampling_work(terms, _shared(terms), steps, _compiling(terms))


def sampling_work(terms: Terms, whole: Denoiser, steps: int, performance: Performance) -> Work:
    """Return our DDIM sampler with a denoiser of all timesteps, run in some way."""
    denoiser = whole.respaced(timesteps("trailing", terms.timesteps, steps))
    shape = (terms.network.channels, terms.resolution, terms.resolution)

    def call(batches: int) -> None:
        with performance.sampling(denoiser) as fast:
            for _ in range(batches):
                to_uint8(ddim(fast, ImageNoise(0, range(terms.batch), shape, terms.device)))

    return Work(call, parameter_count(denoiser.network))


def untrained(terms: Terms) -> Denoiser:
    """Return a denoiser with fresh weights on the terms' device."""
    spec = DenoiserSpec(network=terms.network, timesteps=terms.timesteps)
    return spec.denoiser(spec.fresh_network(seed=0).eval()).to(terms.device)


_shared = cache(untrained)  # so that a network is compiled once


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
