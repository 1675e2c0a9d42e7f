"""Samplers against closed forms, diffusers and denoising-diffusion-pytorch."""

from collections.abc import Callable

import pytest
import torch
from denoising_diffusion_pytorch import GaussianDiffusion
from diffusers import DDIMScheduler
from helpers.closed_forms import VARIANCE, Smooth, exact_teacher, gaussian, noise_levels, smooth_teacher

from sfddm.denoiser import Denoiser
from sfddm.grids import timesteps
from sfddm.noise import ImageNoise, latents
from sfddm.sampler import (
    AncestralSampler,
    ConsistencySampler,
    DDIMSampler,
    Sampler,
    ancestral,
    consistency,
    ddim,
    from_uint8,
    to_uint8,
)

SHAPE = (1, 4, 4)
FLOAT32_CHAIN = 2e-5  # up to 128 float32 steps
POINTS = torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)


class Doubled(ImageNoise):
    """The same noise in float64."""

    def draw(self) -> torch.Tensor:
        return super().draw().double()


def test_ddim_with_the_exact_posterior_mean_reproduces_data_points() -> None:
    images = ddim(exact_teacher(POINTS), Doubled(0, range(64), SHAPE))
    distance = (images.unsqueeze(1) - POINTS.double()).abs().flatten(2).amax(2)
    assert distance.amin(1).max() < 1e-6
    assert len(distance.argmin(1).unique()) == len(POINTS)


def test_ddpm_with_the_exact_posterior_mean_reproduces_data_points() -> None:
    images = ancestral(exact_teacher(POINTS), Doubled(0, range(64), SHAPE))
    distance = (images.unsqueeze(1) - POINTS.double()).abs().flatten(2).amax(2)
    assert distance.amin(1).max() < 1e-6


@pytest.mark.parametrize("steps", [1, 4, 16, 128])
def test_ddim_equals_diffusers_when_that_is_right(steps: int) -> None:
    """Leading grid, steps dividing T, no clipping: the case in which diffusers' previous index is right."""
    scheduler = DDIMScheduler(1024, clip_sample=False, set_alpha_to_one=True, timestep_spacing="leading")
    teacher = Denoiser(Smooth(), "eps", noise_levels("linear", 1024), torch.arange(1024))
    scheduler.alphas_cumprod = teacher.alpha_bar.clone()
    scheduler.set_timesteps(steps)
    x = latents(3, range(4), SHAPE).double()
    for t in scheduler.timesteps:
        x = scheduler.step(teacher.network(x, t.expand(4)), t, x).prev_sample
    respaced = teacher.respaced(timesteps("leading", 1024, steps))
    torch.testing.assert_close(ddim(respaced, Doubled(3, range(4), SHAPE), clip=False), x, rtol=1e-9, atol=1e-9)


def library_diffusion(objective: str, sampling_timesteps: int) -> GaussianDiffusion:
    """Return the authors' base library's diffusion around the same smooth function."""
    network = Smooth()
    network.channels, network.out_dim, network.self_condition = 1, 1, False
    network.random_or_learned_sinusoidal_cond = False
    call = network.forward
    network.forward = lambda x, t, condition=None: call(x, t)
    options = {"objective": objective, "timesteps": 1024, "sampling_timesteps": sampling_timesteps}
    return GaussianDiffusion(network, image_size=4, auto_normalize=False, **options)


@pytest.mark.parametrize("objective", ["pred_noise", "pred_v", "pred_x0"])
@pytest.mark.parametrize("steps", [1, 4, 32])
def test_ddim_equals_denoising_diffusion_pytorch(objective: str, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its grid, linspace(-1, T-1, S+1), is the trailing one if S divides T."""
    noise = latents(1, range(4), SHAPE)
    prediction = {"pred_noise": "eps", "pred_v": "v", "pred_x0": "x0"}[objective]
    library, teacher = library_diffusion(objective, steps), smooth_teacher(prediction)
    monkeypatch.setattr(torch, "randn", lambda *_, **__: noise.clone())
    expected = library.ddim_sample((4, *SHAPE))
    ours = ddim(teacher.respaced(timesteps("trailing", 1024, steps)), ImageNoise(1, range(4), SHAPE))
    torch.testing.assert_close(ours, expected, rtol=0, atol=FLOAT32_CHAIN * 10)


def test_ancestral_equals_denoising_diffusion_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    """All 1,024 steps with the same noise in the same order."""
    source = ImageNoise(1, range(2), SHAPE)
    library, teacher = library_diffusion("pred_v", 1024), smooth_teacher("v")
    monkeypatch.setattr(torch, "randn", lambda *_, **__: source.draw())
    monkeypatch.setattr(torch, "randn_like", lambda _: source.draw())
    expected = library.p_sample_loop((2, *SHAPE))
    ours = ancestral(teacher, ImageNoise(1, range(2), SHAPE))
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-3)  # 1,024 float32 steps from a float32 table


def test_ddpm_small_variance_equals_ddim_with_eta_one() -> None:
    teacher = smooth_teacher("v").respaced(timesteps("trailing", 1024, 20))
    one = ancestral(teacher, Doubled(2, range(4), SHAPE))
    other = ddim(teacher, Doubled(2, range(4), SHAPE), eta=1.0)
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_consistency_makes_x0_noisy_again_with_the_next_noise_of_each_image() -> None:
    denoiser, given, own = smooth_teacher("v").respaced([100, 500, 1023]), *(ImageNoise(4, (7, 9), SHAPE) for _ in "ab")
    x = own.draw()
    for index in (2, 1):
        x0 = denoiser(x, torch.tensor([index]), clip=True).x0
        level = denoiser.alpha_bar[index - 1].float()
        x = level.sqrt() * x0 + (1 - level).sqrt() * own.draw()
    expected = denoiser(x, torch.tensor([0]), clip=True).x0
    torch.testing.assert_close(consistency(denoiser, given), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("visited", [[1022], [300, 1022], [5, 400, 800, 1022]])
def test_the_exact_consistency_map_makes_the_datas_spread_in_any_number_of_steps(visited: list[int]) -> None:
    images = consistency(gaussian("map").respaced(visited), Doubled(0, range(4000), SHAPE), clip=False)
    assert images.var().item() == pytest.approx(VARIANCE, rel=0.02)  # 64,000 pixels: 0.6 % is one standard error


def test_images_do_not_depend_on_the_batch_they_are_sampled_in() -> None:
    teacher = smooth_teacher("eps").respaced(timesteps("trailing", 1024, 8))
    together = ancestral(teacher, ImageNoise(0, range(6), SHAPE))
    alone = torch.cat([ancestral(teacher, ImageNoise(0, [k], SHAPE)) for k in range(6)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("sampler", "function", "options", "record"),
    [
        (DDIMSampler(), ddim, {}, {"sampler": "ddim", "eta": 0.0, "clip": "x0"}),
        (DDIMSampler(0.5, False), ddim, {"eta": 0.5, "clip": False}, {"sampler": "ddim", "eta": 0.5, "clip": "none"}),
        (AncestralSampler(), ancestral, {}, {"sampler": "ancestral", "variance": "small", "clip": "x0"}),
        (ConsistencySampler(False), consistency, {"clip": False}, {"sampler": "consistency", "clip": "none"}),
        (
            AncestralSampler("large", False),
            ancestral,
            {"variance": "large", "clip": False},
            {"sampler": "ancestral", "variance": "large", "clip": "none"},
        ),
    ],
)
def test_a_sampler_with_its_options_is_the_function_and_describes_itself(
    sampler: Sampler, function: Callable, options: dict, record: dict
) -> None:
    teacher = smooth_teacher("eps").respaced(timesteps("trailing", 1024, 4))
    assert sampler.describe() == record
    expected = function(teacher, ImageNoise(0, range(3), SHAPE), **options)
    assert torch.equal(sampler(teacher, ImageNoise(0, range(3), SHAPE)), expected)


def test_uint8_conversion_rounds_and_inverts() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(to_uint8(from_uint8(pixels)), pixels)
    half_level = 1 / 127.5 / 2
    assert torch.equal(to_uint8(from_uint8(pixels[..., :-1]) + 0.98 * half_level), pixels[..., :-1])
    assert to_uint8(torch.tensor([-7.0, 7.0])).tolist() == [0, 255]
