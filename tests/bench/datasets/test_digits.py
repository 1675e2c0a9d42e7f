"""digits against scikit-learn's own arrays."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from bench.datasets.dataset import pixels_sha256
from bench.datasets.registry import load
from sfddm.errors import InputError


def test_pixels_and_labels_are_scikit_learns() -> None:
    images, bunch = load("digits", 8, None, 0.0), load_digits()
    assert images.pixels.dtype == np.uint8
    assert images.pixels.shape == (1797, 1, 8, 8)
    np.testing.assert_allclose(images.pixels[:, 0] / 255, bunch.images / 16, atol=0.5 / 255)
    assert images.labels is not None
    np.testing.assert_array_equal(images.labels, bunch.target)
    assert images.sha256 == pixels_sha256(images.pixels)


def test_another_resolution_and_an_unknown_name_are_refused() -> None:
    with pytest.raises(InputError, match="digits are 8x8"):
        load("digits", 16, None, 0.0)
    with pytest.raises(InputError, match="did you mean 'digits'"):
        load("digit", 8, None, 0.0)
