"""Density and coverage against prdc's, and by definition; what each says of a lost mode and of an invented one."""

import pytest
import torch
from prdc import compute_prdc
from torch import Tensor

from bench.metrics import neighbours
from bench.metrics.coverage import Coverage
from bench.metrics.neighbours import neighbourhood
from bench.metrics.precision_recall import PrecisionRecall

GENERATOR = torch.Generator().manual_seed(0)
ROUNDING = 1e-12  # of a mean of whole numbers; prdc's distances are float32 too, and none of these is nearly a radius


def measured(x: Tensor, y: Tensor, k: int = 3) -> tuple[float, float]:
    found, reasons = Coverage.seen_in(neighbourhood(x, y, k))
    assert reasons == {}
    return found.density, found.coverage


@pytest.fixture(params=[7, 64, 1024])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", request.param)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize(("n", "m", "d", "k"), [(200, 150, 6, 5), (90, 300, 64, 3), (60, 40, 300, 1)])
def test_all_four_values_are_those_of_prdc(n: int, m: int, d: int, k: int) -> None:
    """Precision and recall differ here, so that they are not swapped either."""
    x, y = torch.randn(n, d, generator=GENERATOR) * 0.9 + 0.3, torch.randn(m, d, generator=GENERATOR)
    expected = compute_prdc(y.numpy(), x.numpy(), k)
    both, _ = PrecisionRecall.seen_in(neighbourhood(x, y, k))
    density, coverage = measured(x, y, k)
    found = {"precision": both.precision, "recall": both.recall, "density": density, "coverage": coverage}
    assert found == pytest.approx(expected, abs=ROUNDING)
    assert both.precision != pytest.approx(both.recall, abs=0.02)


@pytest.mark.usefixtures("block")
def test_an_image_on_the_rim_of_a_ball_lies_in_it() -> None:
    """Of small whole numbers, whose float32 distances are exact: many ties, radii of 0, and images of both sets."""
    for seed in range(20):
        x, y = torch.randint(0, 3, (2, 150, 5), generator=torch.Generator().manual_seed(seed)).float()
        x[:20], x[20:40], y[:10] = y[50:70], x[40:60], y[11]
        radii = torch.cdist(y, y).kthvalue(4).values
        inside = torch.cdist(x, y) <= radii
        assert measured(x, y) == (inside.double().sum(1).mean().item() / 3, inside.any(0).double().mean().item())


def test_a_lost_mode_costs_coverage_and_an_invented_one_density() -> None:
    one, other = torch.randn(200, 3, generator=GENERATOR), torch.randn(200, 3, generator=GENERATOR) + 100
    both = torch.cat([one, other])
    assert measured(one.clone(), both)[1] == 0.5
    assert measured(both, one.clone())[1] == 1
    assert measured(both, one.clone())[0] == measured(one.clone(), one)[0] / 2


def test_density_exceeds_1_where_images_crowd_at_the_middle() -> None:
    y = torch.randn(400, 8, generator=GENERATOR)
    density, coverage = measured(y[:200] * 0.3, y)
    assert density > 1.5
    assert coverage < 0.7
