"""Training an eps-prediction teacher: one unit is one iteration, forward, backward and Adam, of one batch on the device.

The other packages get their batches ready on the device, without their loaders, EMA, clipping or logging: what is
compared is the network, the loss and the step.
"""

from typing import Any

import torch
from torch import Tensor

from bench.speed.contestants import AGAIN, DEFAULTS, DIFFUSERS, LUCIDRAINS, OURS, Part, SetUp, Work, part_of
from bench.speed.references import diffusers_network, lucidrains_diffusion, parameters
from sfddm.checkpoint import DenoiserSpec
from sfddm.teacher import ddpm_loss
from sfddm.training import Training, TrainSettings, train

IMAGES = 512  # random ones: what they show does not change the time
RATE = 2e-4


def training_part() -> Part:
    """Return the comparison of training."""
    builders = {OURS: ours, AGAIN: ours, DEFAULTS: ours_at_defaults, LUCIDRAINS: lucidrains, DIFFUSERS: diffusers}
    return part_of("training", "iterations/s", 1, builders, memory=True)


def pixels_of(setup: SetUp) -> Tensor:
    """Return random uint8 images on the device."""
    shape = (IMAGES, setup.network.channels, setup.pixels, setup.pixels)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).to(setup.device)


def ours(setup: SetUp) -> Work:
    """Our loop with what the other packages do: float32, no EMA, no clipping, no flips."""
    return _our_training(setup, TrainSettings.model_validate({"batch": setup.batch, "learning_rate": RATE}))


def ours_at_defaults(setup: SetUp) -> Work:
    """Our loop with the preset's training settings, but at the common batch."""
    return _our_training(setup, setup.defaults.training().model_copy(update={"batch": setup.batch}))


def _our_training(setup: SetUp, settings: TrainSettings) -> Work:
    spec = DenoiserSpec(network=setup.network, timesteps=setup.timesteps)
    denoiser = spec.denoiser(spec.fresh_network(seed=0)).to(setup.device)
    training, loss, pixels = Training(denoiser.network, settings, seed=0), ddpm_loss(denoiser), pixels_of(setup)

    def call(iterations: int) -> None:
        training.settings = settings.model_copy(update={"iterations": training.iteration + iterations})
        train(training, loss, pixels, setup.device)

    return Work(call, parameters(denoiser.network))


def lucidrains(setup: SetUp) -> Work:
    """denoising-diffusion-pytorch: its loss, Adam."""
    diffusion = lucidrains_diffusion(setup).train()
    images = pixels_of(setup) / 255
    optimizer = torch.optim.Adam(diffusion.parameters(), lr=RATE)

    def call(iterations: int) -> None:
        for _ in range(iterations):
            batch = images[torch.randint(IMAGES, (setup.batch,), device=setup.device)]
            diffusion(batch).backward()
            optimizer.step()
            optimizer.zero_grad()

    return Work(call, parameters(diffusion))


def diffusers(setup: SetUp) -> Work:
    """diffusers: the loop of its own training example, Adam."""
    from diffusers import DDPMScheduler

    network = diffusers_network(setup).train()
    scheduler: Any = DDPMScheduler(num_train_timesteps=setup.timesteps)
    images = pixels_of(setup) / 127.5 - 1
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)

    def call(iterations: int) -> None:
        for _ in range(iterations):
            batch = images[torch.randint(IMAGES, (setup.batch,), device=setup.device)]
            eps = torch.randn_like(batch)
            index = torch.randint(setup.timesteps, (setup.batch,), device=setup.device)
            output = network(scheduler.add_noise(batch, eps, index), index).sample
            torch.nn.functional.mse_loss(output, eps).backward()
            optimizer.step()
            optimizer.zero_grad()

    return Work(call, parameters(network))
