"""Images kept apart from training: which they are, and that the others are all that is left."""

from dataclasses import replace

import numpy as np
import pytest

from bench.datasets.dataset import Images, labels_sha256, pixels_sha256
from bench.datasets.held_out import hold_out
from bench.datasets.registry import load
from sfddm.errors import InputError

WHOLE = load("digits", 8, None, 0.0)


def small(count: int) -> Images:
    pixels = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)
    labels = np.arange(count) % 2
    return Images("s", pixels, labels, "none", pixels_sha256(pixels), "test", False, labels_sha256(labels))


def test_a_fifth_of_digits_is_apart_and_both_parts_together_are_all_of_them_in_order() -> None:
    kept = load("digits", 8, None, 0.2)
    apart = kept.held_out
    assert apart is not None
    assert (len(kept.pixels), len(apart.pixels)) == (1438, 359)
    for part in (kept, apart):
        assert part.sha256 == pixels_sha256(part.pixels)
        assert part.labels is not None
        assert len(part.labels) == len(part.pixels)
        assert np.bincount(part.labels, minlength=10).min() > 0.07 * len(part.labels)  # of each digit about a tenth
    rows = sorted([*map(bytes, kept.pixels), *map(bytes, apart.pixels)])
    assert rows == sorted(map(bytes, WHOLE.pixels))
    again = load("digits", 8, None, 0.2)
    assert again.held_out is not None
    assert (again.sha256, again.held_out.sha256) == (kept.sha256, apart.sha256)
    assert load("digits", 8, None, 0.1).sha256 != kept.sha256
    assert load("digits", 8, None, 0.0).held_out is None


def test_labels_stay_with_their_images_and_the_order_is_kept() -> None:
    kept = hold_out(small(20), 0.25)
    assert kept.held_out is not None
    for part in (kept, kept.held_out):
        numbers = part.pixels.reshape(-1)
        assert (np.diff(numbers.astype(int)) > 0).all()
        assert part.labels is not None
        assert (part.labels == numbers % 2).all()
        assert part.labels_sha256 == labels_sha256(part.labels)


def test_no_share_leaves_the_images_as_they_are() -> None:
    assert hold_out(WHOLE, 0.0) is WHOLE


def test_too_few_images_and_a_second_split_are_refused_in_a_line() -> None:
    with pytest.raises(InputError, match=r"data\.held_out = 0\.2 given, which takes 1 of the 6 images of s"):
        hold_out(small(6), 0.2)
    with pytest.raises(InputError, match=r"data\.held_out = 0\.2 given, but s has a test split, .* possible: 0"):
        hold_out(replace(small(40), held_out=small(10)), 0.2)
