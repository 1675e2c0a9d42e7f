"""Held-out images: the distance to them, how near copies of training images are, and what a fresh sample would get."""

from statistics import fmean

import pytest
import torch
from torch import Tensor

from bench.config.sections import EvaluationSettings
from bench.metrics import neighbours
from bench.metrics.frechet import Subsets, frechet_distance, reference
from bench.metrics.held_out import HeldOut, fresh
from bench.metrics.jackknife import jackknife
from bench.metrics.memorisation import Memorisation
from bench.metrics.metric import NOT_HELD_OUT, Given, HeldOutImages
from bench.metrics.neighbours import nearest_distances

SETTINGS = EvaluationSettings(feature_space="any", images=100, seed=3)
D = 16


def drawn(n: int, seed: int) -> Tensor:
    return torch.randn(n, D, generator=torch.Generator().manual_seed(seed))


def given(generated: Tensor, training: Tensor, apart: Tensor | None) -> Given:
    nearest = None if apart is None else nearest_distances(apart, training).median().item()
    known = None if apart is None or nearest is None else HeldOutImages(reference(apart), nearest)
    return Given(generated, None, training, reference(training), SETTINGS, "any", held_out=known)


def test_the_distance_is_that_to_the_held_out_images_with_its_own_interval() -> None:
    generated, training, apart = drawn(100, 1), drawn(300, 2), drawn(80, 3) + 0.1
    found, reasons = HeldOut.of(given(generated, training, apart))
    assert found is not None
    assert found.value == frechet_distance(generated, apart).value
    expected = jackknife(Subsets(generated, reference(apart)), 3)
    assert (found.low, found.high, found.reference_images, reasons) == (expected.low, expected.high, 80, {})
    few, reasons = HeldOut.of(given(generated[:30], training, apart))
    assert few is not None
    assert (few.low, few.high) == (None, None)
    assert reasons == dict.fromkeys(("low", "high"), "fewer than 40 images")


def test_without_held_out_images_there_is_a_reason() -> None:
    one = given(drawn(100, 1), drawn(300, 2), None)
    assert HeldOut.of(one) == (None, {"": NOT_HELD_OUT})
    found, reasons = Memorisation.of(one)
    assert found is not None
    assert (found.held_out_ratio, found.held_out_nearest) == (None, None)
    assert reasons == dict.fromkeys(("held_out_ratio", "held_out_nearest"), NOT_HELD_OUT)


def test_copies_of_training_images_gain_nothing_by_held_out_images() -> None:
    """Training images win over a fresh sample where they are the reference; held-out images see no difference."""
    training, apart, sample = drawn(400, 1), drawn(400, 2), drawn(200, 3)
    copies = training[:200] + 0.01 * drawn(200, 4)
    by_training = [frechet_distance(x, training).value for x in (copies, sample)]
    assert by_training[0] < 0.8 * by_training[1]
    to_apart = [HeldOut.of(given(x, training, apart))[0] for x in (copies, sample)]
    assert to_apart[0].value == pytest.approx(to_apart[1].value, rel=0.25)
    near = [Memorisation.of(given(x, training, apart))[0] for x in (copies, sample)]
    assert near[0].held_out_ratio < 0.05
    assert near[1].held_out_ratio == pytest.approx(1, abs=0.05)
    assert near[1].held_out_ratio == near[1].nearest / near[1].held_out_nearest


def test_held_out_images_that_are_training_images_give_no_ratio() -> None:
    training = drawn(100, 1)
    found, reasons = Memorisation.of(given(drawn(50, 2), training, training[:60]))
    assert (found.held_out_ratio, found.held_out_nearest) == (None, 0)
    assert reasons == {"held_out_ratio": "half of the held-out images are among the training images"}


@pytest.mark.parametrize("block", [7, 64, 1024])
def test_nearest_distances_are_those_of_the_whole_matrix(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", block)
    x, y = drawn(90, 1), drawn(200, 2)
    expected = torch.cdist(x.double(), y.double()).min(1).values
    torch.testing.assert_close(nearest_distances(x, y), expected, rtol=1e-6, atol=0)


def test_a_fresh_sample_from_enough_images_is_measured_and_from_fewer_corrected() -> None:
    """Of 150 images the distance is far above that of 600; corrected, it is on average that of 600."""
    training = reference(drawn(2000, 0))
    whole = [fresh(Subsets(drawn(600, seed), training), 600, 0) for seed in range(1, 31)]
    few = [fresh(Subsets(drawn(150, seed), training), 600, 0) for seed in range(31, 61)]
    assert all(one.distance == one.measured and one.held_out == one.images == 600 for one in whole)
    assert all((one.images, one.held_out) == (600, 150) for one in few)
    expected = fmean(one.distance for one in whole)
    assert fmean(one.measured for one in few) > 2.5 * expected
    assert fmean(one.distance for one in few) == pytest.approx(expected, rel=0.1)
    assert fresh(Subsets(drawn(39, 1), training), 600, 0) is None
    assert fresh(Subsets(drawn(39, 1), training), 39, 0) is not None
