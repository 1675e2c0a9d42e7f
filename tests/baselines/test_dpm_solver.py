"""DPM-Solver++(2M) against diffusers' and against the exact solution of a linear denoiser."""

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler
from helpers.closed_forms import exact_teacher, noise_levels, smooth_teacher
from torch import nn

from sfddm.denoiser import Denoiser
from sfddm.dpm_solver import DPMSolverSampler, dpm_solver
from sfddm.grids import timesteps
from sfddm.noise import ImageNoise, latents
from sfddm.sampler import ddim

SHAPE = (1, 4, 4)
DIFFUSERS = 1e-4  # its sigmas are float32


class Doubled(ImageNoise):
    """The same noise in float64."""

    def draw(self) -> torch.Tensor:
        return super().draw().double()


@pytest.mark.parametrize("steps", [1, 2, 5, 16])
def test_it_equals_diffusers(steps: int) -> None:
    """DPMSolverMultistepScheduler, order 2, midpoint, ending on the clean image at first order, on our grid."""
    teacher = smooth_teacher("eps")
    teacher = Denoiser(teacher.network, "eps", noise_levels("linear", 1000), torch.arange(1000))
    scheduler = DPMSolverMultistepScheduler(
        1000,
        algorithm_type="dpmsolver++",
        solver_type="midpoint",
        solver_order=2,
        final_sigmas_type="zero",
        lower_order_final=False,
    )
    indices = timesteps("trailing", 1000, steps)
    scheduler.set_timesteps(timesteps=list(reversed(indices)))
    x = latents(0, range(3), SHAPE).double()
    for t in scheduler.timesteps:
        x = scheduler.step(teacher.network(x, t.expand(3)), t, x).prev_sample
    ours = dpm_solver(teacher.respaced(indices), Doubled(0, range(3), SHAPE), clip=False)
    torch.testing.assert_close(ours, x, rtol=DIFFUSERS, atol=DIFFUSERS)


def test_one_and_two_steps_are_ddims() -> None:
    """With one or two indices there is no second-order step."""
    for steps in (1, 2):
        teacher = smooth_teacher("v").respaced(timesteps("trailing", 1024, steps))
        one, other = (sampler(teacher, Doubled(0, range(3), SHAPE)) for sampler in (dpm_solver, ddim))
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("clip", "rule"), [(True, "x0"), (False, "none")])
def test_the_sampler_with_its_option_is_the_function_and_describes_itself(clip: bool, rule: str) -> None:
    teacher = smooth_teacher("eps").respaced(timesteps("trailing", 1024, 5))
    sampler = DPMSolverSampler(clip)
    assert sampler.describe() == {"sampler": "dpm-solver++(2m)", "clip": rule}
    expected = dpm_solver(teacher, ImageNoise(0, range(3), SHAPE), clip)
    assert torch.equal(sampler(teacher, ImageNoise(0, range(3), SHAPE)), expected)


def test_it_converges_faster_than_ddim_on_a_gaussian() -> None:
    """For N(0, s^2) data the denoiser is linear; DDIM's limit: x_0 = s x_T / sqrt(a s^2 + 1 - a) at the last index."""
    alpha_bar, spread = noise_levels("cosine", 1024), 0.4

    class Linear(nn.Module):
        def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            a = alpha_bar[t].view(-1, 1, 1, 1)
            return a.sqrt() * spread**2 / (a * spread**2 + 1 - a) * x

    teacher = Denoiser(Linear(), "x0", alpha_bar, torch.arange(1024))
    start = latents(0, range(8), SHAPE).double()
    a = alpha_bar[-1]
    exact = spread * start / (a * spread**2 + 1 - a).sqrt()

    def error(sampler: object, steps: int) -> float:
        respaced = teacher.respaced(timesteps("trailing", 1024, steps))
        return (sampler(respaced, Doubled(0, range(8), SHAPE), clip=False) - exact).abs().max().item()  # type: ignore[operator]

    assert error(dpm_solver, 64) < error(ddim, 64) / 3
    assert error(dpm_solver, 64) < error(dpm_solver, 16) / 4


def test_with_the_exact_posterior_mean_it_reproduces_data_points() -> None:
    points = torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    images = dpm_solver(exact_teacher(points).respaced(timesteps("trailing", 1024, 64)), Doubled(0, range(32), SHAPE))
    distance = (images.unsqueeze(1) - points.double()).abs().flatten(2).amax(2).amin(1)
    assert distance.max() < 1e-6
