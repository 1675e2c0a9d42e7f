"""Precision and recall against torch-fidelity's, and their convention with a mode-dropped set."""

import pytest
import torch
from torch import Tensor
from torch_fidelity.metric_prc import calculate_precision_recall_full

from bench.metrics import neighbours
from bench.metrics.neighbours import neighbourhood, squared_distances
from bench.metrics.precision_recall import PrecisionRecall

GENERATOR = torch.Generator().manual_seed(0)


def precision_recall(x: Tensor, y: Tensor, neighbours: int = 3, known: Tensor | None = None) -> tuple[float, float]:
    found, _ = PrecisionRecall.seen_in(neighbourhood(x, y, neighbours, known))
    return found.precision, found.recall


def test_values_are_torch_fidelitys() -> None:
    x, y = torch.randn(200, 6, generator=GENERATOR) + 0.7, torch.randn(150, 6, generator=GENERATOR)
    assert precision_recall(x, y) == pytest.approx(calculate_precision_recall_full(x, y), abs=1e-7)


def by_whole_matrices(x: Tensor, y: Tensor, neighbours: int = 3) -> tuple[float, float]:
    """Precision and recall as the suite computed them before: by whole distance matrices, each as often as needed."""

    def inside(points: Tensor, centres: Tensor) -> float:
        radii = torch.cdist(centres, centres).kthvalue(neighbours + 1).values
        return (torch.cdist(points, centres) <= radii).any(1).double().mean().item()

    return inside(x, y), inside(y, x)


@pytest.fixture(params=[7, 64, 1024])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", request.param)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize(("n", "m", "d"), [(100, 90, 4), (300, 700, 64), (40, 60, 300)])
def test_values_are_those_of_whole_distance_matrices(n: int, m: int, d: int) -> None:
    x, y = torch.randn(n, d, generator=GENERATOR) * 0.9 + 0.2, torch.randn(m, d, generator=GENERATOR)
    assert precision_recall(x, y) == by_whole_matrices(x, y)
    assert precision_recall(x, y, 1, squared_distances(y, 1)) == by_whole_matrices(x, y, 1)


@pytest.mark.usefixtures("block")
def test_equal_images_and_equal_distances_are_counted_as_by_whole_distance_matrices() -> None:
    """Of small whole numbers, whose float32 distances are exact: many ties, radii of 0, and images of both sets."""
    for seed in range(20):
        x, y = torch.randint(0, 3, (2, 150, 5), generator=torch.Generator().manual_seed(seed)).float()
        x[:20], x[20:40], y[:10] = y[50:70], x[40:60], y[11]
        assert precision_recall(x, y) == by_whole_matrices(x, y)


@pytest.mark.usefixtures("block")
def test_every_pair_is_given_once_between_sets_and_within_one() -> None:
    x, y = torch.randn(200, 64, generator=GENERATOR), torch.randn(150, 64, generator=GENERATOR)
    for found, other in ((neighbours.between(x, y), y), (neighbours.within(x), x)):
        whole, times = torch.zeros(200, len(other)), torch.zeros(200, len(other))
        for rows, columns, squared in found:
            whole[rows, columns] = squared
            times[rows, columns] += 1
        expected = torch.cdist(x.double(), other.double()).square().float()
        torch.testing.assert_close(whole, expected, rtol=1e-5, atol=1e-4)
        assert (times == 1).all()


def test_a_dropped_mode_costs_recall_and_an_invented_one_costs_precision() -> None:
    one, other = torch.randn(200, 3, generator=GENERATOR), torch.randn(200, 3, generator=GENERATOR) + 100
    both = torch.cat([one, other])
    assert precision_recall(one.clone(), both) == (1.0, 0.5)
    assert precision_recall(both, one.clone()) == (0.5, 1.0)
