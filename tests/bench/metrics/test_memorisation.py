"""Authenticity and the nearest real image, by definition; both tell a copyist where the Frechet distance does not."""

import pytest
import torch
from torch import Tensor

from bench.metrics import neighbours
from bench.metrics.coverage import Coverage
from bench.metrics.frechet import frechet_distance
from bench.metrics.memorisation import Memorisation
from bench.metrics.neighbours import neighbourhood
from bench.metrics.precision_recall import PrecisionRecall

GENERATOR = torch.Generator().manual_seed(0)


def measured(x: Tensor, y: Tensor) -> Memorisation:
    return Memorisation.seen_in(neighbourhood(x, y, 3))[0]


@pytest.fixture(params=[7, 64, 1024])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", request.param)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize(("n", "m", "d"), [(200, 150, 6), (90, 300, 64), (60, 40, 300)])
def test_values_are_those_of_whole_distance_matrices(n: int, m: int, d: int) -> None:
    x, y = torch.randn(n, d, generator=GENERATOR) * 0.9, torch.randn(m, d, generator=GENERATOR)
    found = neighbourhood(x, y, 3)
    across, among = (torch.cdist(one.double(), y.double()) for one in (x, y))
    nearest, closest = across.min(1)
    real_nearest = among.fill_diagonal_(torch.inf).min(1).values
    assert (found.closest == closest).all()
    torch.testing.assert_close(found.nearest, nearest, rtol=1e-6, atol=0)
    torch.testing.assert_close(found.real_nearest.double(), real_nearest, rtol=1e-4, atol=0)
    values = measured(x, y)
    assert values.authenticity == (nearest > real_nearest[closest]).double().mean().item()
    assert 0 < values.authenticity < 1
    assert values.nearest == pytest.approx(nearest.median().item(), rel=1e-6)
    assert values.real_nearest == pytest.approx(real_nearest.median().item(), rel=1e-4)
    assert values.nearest_ratio == pytest.approx(values.nearest / values.real_nearest)


@pytest.mark.usefixtures("block")
def test_an_image_as_far_as_the_real_ones_own_neighbour_is_not_authentic() -> None:
    """A tie: real images on a line, the generated ones a step beyond each end of it, or a little farther."""
    y = torch.arange(10.0)[:, None]
    assert measured(torch.tensor([[-1.0], [10.0], [-1.0], [10.0]]), y).authenticity == 0
    assert measured(torch.tensor([[-1.0], [10.0], [-1.5], [11.0]]), y).authenticity == 0.5


def test_copies_are_told_from_images_that_are_near_and_from_images_far_away() -> None:
    y = torch.randn(300, 16, generator=GENERATOR)
    copies, far = measured(y[:200].clone(), y), measured(y[:200] + 50, y)
    assert (copies.authenticity, far.authenticity) == (0, 1)
    assert copies.nearest_ratio == copies.nearest == 0
    assert far.nearest_ratio > 10


def test_of_real_images_that_are_all_there_twice_there_is_no_ratio() -> None:
    y = torch.randint(0, 9, (50, 6), generator=GENERATOR).float()
    found, reasons = Memorisation.seen_in(neighbourhood(y[:20] + 1, y.repeat(2, 1), 3))
    assert (found.nearest_ratio, found.real_nearest) == (None, 0)
    assert reasons == {"nearest_ratio": "half of the real images are there twice"}


MODES, WIDTH, IMAGES = 40, 16, 1500


def clusters(n: int, modes: range, generator: torch.Generator) -> Tensor:
    """Return n draws (n,d) of a mixture of Gaussians around some of 40 centres."""
    centres = 3 * torch.randn(MODES, WIDTH, generator=torch.Generator().manual_seed(9))
    chosen = torch.randint(modes.start, modes.stop, (n,), generator=generator)
    return centres[chosen] + torch.randn(n, WIDTH, generator=generator)


def with_moments_of(x: Tensor, other: Tensor) -> Tensor:
    """Return x (n,d) with the mean and covariance of another set, moved as little as can be (optimal transport)."""
    root = matrix_power(x.double().T.cov(), 0.5)
    nearest_map = (
        matrix_power(root, -1) @ matrix_power(root @ other.double().T.cov() @ root, 0.5) @ matrix_power(root, -1)
    )
    return ((x.double() - x.double().mean(0)) @ nearest_map + other.double().mean(0)).float()


def matrix_power(symmetric: Tensor, power: float) -> Tensor:
    values, vectors = torch.linalg.eigh(symmetric)
    return vectors @ torch.diag(values**power) @ vectors.T


def test_a_memoriser_and_a_mode_dropper_are_told_from_a_fresh_sample_of_the_same_distance() -> None:
    """All three have the mean and covariance of the fresh sample, so that no Frechet distance tells them apart."""
    generator = torch.Generator().manual_seed(1)
    real = clusters(IMAGES, range(MODES), generator)
    fresh = clusters(IMAGES, range(MODES), generator)
    drawn = real[torch.randint(IMAGES, (IMAGES,), generator=generator)]
    copies = with_moments_of(drawn + 0.05 * torch.randn(IMAGES, WIDTH, generator=generator), fresh)
    few = with_moments_of(clusters(IMAGES, range(MODES * 7 // 10), generator), fresh)
    distances = [frechet_distance(x, real).value for x in (fresh, copies, few)]
    assert distances == pytest.approx([distances[0]] * 3, rel=1e-4)

    found = [neighbourhood(x, real, 5) for x in (fresh, copies, few)]
    of_fresh, of_copies, of_few = (Memorisation.seen_in(one)[0] for one in found)
    assert of_fresh.authenticity == pytest.approx(0.6, abs=0.1)
    assert of_copies.authenticity < 0.01
    assert of_few.authenticity > of_fresh.authenticity
    assert of_fresh.nearest_ratio == pytest.approx(1, abs=0.05)
    assert of_copies.nearest_ratio < 0.5

    by_fresh, by_copies, by_few = (Coverage.seen_in(one)[0] for one in found)
    assert by_few.coverage < 0.7 < 0.95 < by_fresh.coverage
    assert by_few.density < 0.6 < 0.9 < by_fresh.density
    assert by_copies.coverage > 0.95  # which is why coverage alone does not do

    of_copies_too, _ = PrecisionRecall.seen_in(found[1])  # nor do these
    assert min(of_copies_too.precision, of_copies_too.recall) > 0.9
