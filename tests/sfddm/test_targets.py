"""The one formula of targets, and the facts about DDIM steps it rests on, in float64 against closed forms."""

from itertools import pairwise

import pytest
import torch
from helpers.closed_forms import VARIANCE, gaussian, noise_levels, smooth_teacher

from sfddm.denoiser import Output, per_image, read
from sfddm.sampler import ddim_step
from sfddm.targets import CLEAN, bootstrap_target, signal_to_noise, target_weights, trajectory_target, with_clean

EXACT = 1e-12
SHAPE = (1, 4, 4)
ALPHA_BAR = with_clean(noise_levels("sigmoid", 1024))
RHO = signal_to_noise(ALPHA_BAR).sqrt()
JUMPS = [(1023, 1022, 0), (1023, 511, CLEAN), (700, 350, 349), (700, 350, 350), (5, 0, CLEAN), (0, CLEAN, CLEAN)]


def drawn(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def step(x: torch.Tensor, x0: torch.Tensor, t: int, s: int) -> torch.Tensor:
    at_t, at_s = ALPHA_BAR[t].view(1), ALPHA_BAR[s].view(1)
    return ddim_step(x, read(x0, x, at_t, "x0"), at_t, at_s)


@pytest.mark.parametrize(("t", "m", "s"), JUMPS)
def test_the_target_leads_in_one_step_to_where_two_predictions_lead_in_two(t: int, m: int, s: int) -> None:
    x, x1, x2 = drawn(3), drawn(3, 1), drawn(3, 2)
    target = bootstrap_target(x1, x2, *(RHO[index].expand(3) for index in (t, m, s)))
    if m == s:
        assert torch.equal(target, x1)
    elif s == CLEAN:
        assert torch.equal(target, x2)
    between = step(x, x1, t, m)
    twice = between if m == s else x2 if s == CLEAN else step(between, x2, m, s)
    torch.testing.assert_close(step(x, target, t, s), twice, rtol=EXACT, atol=EXACT)


def test_a_step_is_eulers_in_sigma_over_alpha_with_slope_eps() -> None:
    x, output = drawn(2), Output(drawn(2, 1), drawn(2, 2))
    levels = 1 / RHO
    for t, s in ((1023, 900), (600, 599), (3, 0), (40, CLEAN)):
        x = ALPHA_BAR[t].sqrt() * output.x0 + (1 - ALPHA_BAR[t]).sqrt() * output.eps
        ours = ddim_step(x, output, ALPHA_BAR[t].view(1), ALPHA_BAR[s].view(1)) / ALPHA_BAR[s].sqrt()
        euler = x / ALPHA_BAR[t].sqrt() + (levels[s] - levels[t]) * output.eps
        torch.testing.assert_close(ours, euler, rtol=EXACT, atol=1e-9)


def test_two_predictions_differ_after_a_step_in_proportion_to_themselves() -> None:
    x, p, q = drawn(2), drawn(2, 1), drawn(2, 2)
    for t, s in ((1023, 900), (600, 599), (3, 0)):
        sigma = (1 - ALPHA_BAR[s]).sqrt()
        expected = sigma * (RHO[s] - RHO[t]) * (p - q)
        torch.testing.assert_close(step(x, p, t, s) - step(x, q, t, s), expected, rtol=1e-9, atol=EXACT)
    torch.testing.assert_close(step(x, p, 600, CLEAN) - step(x, q, 600, CLEAN), p - q, rtol=EXACT, atol=EXACT)


def test_a_v_head_has_the_boundary_of_a_consistency_model_by_itself() -> None:
    """x0 = c_skip y + c_out F on y = x / alpha with sigma = k, c_skip = 1 / (1 + k^2) and c_out = k / sqrt(1 + k^2)."""
    y, v = drawn(2), drawn(2, 1)
    for t in (0, 300, 1022):
        k, alpha_bar = 1 / RHO[t], ALPHA_BAR[t].view(1)
        ours = read(v, y * alpha_bar.sqrt(), alpha_bar, "v").x0
        torch.testing.assert_close(ours, y / (1 + k**2) + k / (1 + k**2).sqrt() * -v, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("clip", [False, True])
def test_the_teachers_own_two_predictions_are_progressive_distillations_target_bit_for_bit(clip: bool) -> None:
    teacher, x = smooth_teacher("v"), drawn(3).float()
    path = torch.tensor([[1023, 700, 300], [511, 255, CLEAN], [3, 2, 1]])
    first = teacher(x, path[:, 0], clip)
    x_m = ddim_step(x, first, ALPHA_BAR[path[:, 0]], ALPHA_BAR[path[:, 1]])
    ours = bootstrap_target(first.x0, teacher(x_m, path[:, 1], clip).x0, *RHO[path].unbind(1))
    assert torch.equal(ours, trajectory_target(teacher, x, path, clip))


def test_weights_add_up_to_one_and_intervals_of_no_length_have_none() -> None:
    rho = torch.stack([RHO[[1023, 700, 700, 3]], RHO[[1023, 1023, 5, CLEAN]], RHO[[9, CLEAN, CLEAN, CLEAN]]])
    weights = target_weights(rho)
    torch.testing.assert_close(weights.sum(1), torch.ones(3, dtype=torch.float64), rtol=EXACT, atol=EXACT)
    assert (weights[0, 1], *weights[1].tolist()) == (0.0, 0.0, 0.0, 1.0)
    assert weights[2].tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("t", [900, 500, 100])
def test_the_exact_consistency_map_is_its_own_target_up_to_one_eulers_step(t: int) -> None:
    teacher, exact, x = gaussian("teacher"), gaussian("map"), drawn(1)
    off = []
    for gap in (8, 4, 2, 1):
        at, m = torch.tensor([t]), torch.tensor([t - gap])
        x_m = ddim_step(x, teacher(x, at), ALPHA_BAR[at], ALPHA_BAR[m])
        target = bootstrap_target(teacher(x, at).x0, exact(x_m, m).x0, RHO[at], RHO[m], RHO[[CLEAN]])
        off.append(float((target - exact(x, at).x0).abs().max()))
    # One Euler step is off by the square of its length, and lengths halve.
    assert [round(a / b) for a, b in pairwise(off)] == [4, 4, 4]


def test_the_exact_map_is_the_same_in_one_step_and_in_two() -> None:
    exact, x = gaussian("map"), drawn(2)
    t, m = torch.tensor([800, 400]), torch.tensor([300, 10])
    moved = VARIANCE + (1 / RHO[m]) ** 2
    along = per_image((moved / (VARIANCE + (1 / RHO[t]) ** 2)).sqrt() * (ALPHA_BAR[m] / ALPHA_BAR[t]).sqrt(), x) * x
    torch.testing.assert_close(exact(along, m).x0, exact(x, t).x0, rtol=EXACT, atol=EXACT)
