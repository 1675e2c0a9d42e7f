"""Batches: draws of the dataset, mirrored on request, a function of (seed, iteration), read ahead or not."""

import threading

import pytest
import torch

from sfddm.batches import Ahead, Batches, draw_batch

PIXELS = torch.randint(0, 256, (30, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def as_set(images: torch.Tensor) -> set[tuple[int, ...]]:
    return {tuple(image.flatten().tolist()) for image in images}


def test_a_batch_is_images_of_the_dataset_and_flips_are_mirrored_ones() -> None:
    images, mirrored = as_set(PIXELS), as_set(PIXELS.flip(3))
    assert as_set(draw_batch(PIXELS, 50, False, 0, 0)) <= images
    flipped = draw_batch(PIXELS, 200, True, 0, 0)
    assert as_set(flipped) <= images | mirrored
    # 200 fair coins: between 60 and 140 flips but for one run in a hundred million; the seed is fixed.
    assert 60 < sum(tuple(image.flatten().tolist()) in mirrored for image in flipped) < 140


def test_draws_are_uniform_and_differ_between_iterations_and_seeds() -> None:
    numbered = torch.arange(10, dtype=torch.uint8).view(-1, 1, 1, 1)
    counts = torch.bincount(draw_batch(numbered, 100_000, False, 0, 0).flatten().long(), minlength=10)
    assert ((counts - 10_000).abs() < 5 * 95).all()  # five standard deviations of a binomial (n p q = 9,000)
    first = draw_batch(PIXELS, 20, False, 0, 0)
    assert torch.equal(first, draw_batch(PIXELS, 20, False, 0, 0))
    assert not torch.equal(first, draw_batch(PIXELS, 20, False, 0, 1))
    assert not torch.equal(first, draw_batch(PIXELS, 20, False, 1, 0))


def test_x0_is_float32_from_minus_one_to_one() -> None:
    x0 = Batches(torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1), 64, False, 0, "cpu")(0)
    assert x0.dtype == torch.float32
    assert set(x0.flatten().tolist()) == {-1.0, 1.0}


def test_reading_ahead_gives_the_same_values_one_iteration_early() -> None:
    called: list[int] = []
    second = threading.Event()

    def function(iteration: int) -> torch.Tensor:
        called.append(iteration)
        if iteration == 8:
            second.set()
        return torch.tensor(iteration)

    ahead = Ahead(function)
    assert ahead(7).item() == 7
    assert second.wait(10)  # 8 is read although nobody has requested it
    assert [ahead(8).item(), ahead(3).item()] == [8, 3]  # 3: training went back
    ahead.close()
    assert called[:2] == [7, 8]
    assert 3 in called


def test_an_error_while_reading_ahead_reaches_the_reader() -> None:
    def function(iteration: int) -> torch.Tensor:
        if iteration == 1:
            raise OSError("the disk is gone")
        return torch.zeros(1)

    ahead = Ahead(function)
    ahead(0)
    with pytest.raises(OSError, match="the disk is gone"):
        ahead(1)
    ahead.close()
