"""Paths between latents: ends, norms, and the great circle."""

import math

import pytest
import torch

from sfddm.interpolation import path

GENERATOR = torch.Generator().manual_seed(0)


@pytest.mark.parametrize("kind", ["linear", "spherical"])
def test_a_path_begins_and_ends_at_its_latents(kind: str) -> None:
    start, end = torch.randn(2, 3, 8, 8, generator=GENERATOR)
    points = path(kind, start, end)  # type: ignore[arg-type]
    assert points.shape == (9, 3, 8, 8)
    assert points.dtype == torch.float32
    torch.testing.assert_close(points[0], start)
    torch.testing.assert_close(points[-1], end)


def test_spherical_is_the_great_circle_of_orthogonal_latents() -> None:
    start, end = torch.eye(5, dtype=torch.float64)[:2] * 3
    angles = torch.linspace(0, math.pi / 2, 9, dtype=torch.float64)[:, None]
    torch.testing.assert_close(path("spherical", start, end), angles.cos() * start + angles.sin() * end)


def test_linear_shrinks_the_norm_of_independent_latents_to_root_half_and_spherical_keeps_it() -> None:
    start, end = torch.randn(2, 100_000, generator=GENERATOR)
    middle = {kind: path(kind, start, end)[4].norm() / start.norm() for kind in ("linear", "spherical")}  # type: ignore[arg-type]
    assert middle["linear"].item() == pytest.approx(0.5**0.5, abs=0.01)
    assert middle["spherical"].item() == pytest.approx(1, abs=0.01)
