"""Path lengths in closed form."""

import math

import pytest
import torch

from bench.metrics.interpolation import path_length


def test_a_straight_even_path_has_ratio_one() -> None:
    points = torch.linspace(0, 1, 9)[:, None] * torch.tensor([3.0, 4.0])
    result = path_length(torch.stack([points, points + 1]))
    assert (result.length, result.ends, result.ratio) == pytest.approx((5.0, 5.0, 1.0))
    assert result.largest_step == pytest.approx(1 / 8)
    assert result.paths == 2


def test_a_half_circle_is_longer_than_its_diameter_and_a_jump_is_one_step() -> None:
    angles = torch.linspace(0, math.pi, 9, dtype=torch.float64)
    circle = torch.stack([angles.cos(), angles.sin()], 1)[None]
    assert path_length(circle).ratio == pytest.approx(8 * 2 * math.sin(math.pi / 16) / 2)
    jump = torch.zeros(1, 9, 2)
    jump[:, 5:] = 1
    assert path_length(jump).largest_step == pytest.approx(1.0)


def test_a_path_that_stands_still_has_no_ratio() -> None:
    still = path_length(torch.ones(2, 9, 3))
    assert (still.length, still.ends, still.ratio, still.largest_step) == (0.0, 0.0, None, None)
    half = torch.ones(2, 9, 3)
    half[0] = torch.linspace(0, 1, 9)[:, None]
    assert path_length(half).largest_step == pytest.approx(1 / 8)
