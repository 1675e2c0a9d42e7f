"""Crop and resize, to the pixel, against torchvision's transforms and PIL."""

import numpy as np
import pytest
from helpers.dataset_forms import picture
from PIL import Image
from torchvision import transforms

from bench.datasets.preprocessing import PREPROCESSING, describe

SIZES = [(256, 256), (340, 256), (341, 257), (256, 511), (300, 301), (200, 300), (101, 97), (1024, 1024)]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("resolution", [64, 128])
def test_the_authors_rule_is_torchvisions_centre_crop_256_then_resize(width: int, height: int, resolution: int) -> None:
    image = picture(1, width, height)
    expected = transforms.Compose([transforms.CenterCrop(256), transforms.Resize(resolution)])(image)
    np.testing.assert_array_equal(np.asarray(PREPROCESSING["sfddm"](image, resolution)), np.asarray(expected))


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_square_lanczos_is_pils_lanczos_of_the_centre_square(width: int, height: int) -> None:
    image = picture(2, width, height)
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    expected = square.resize((64, 64), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(np.asarray(PREPROCESSING["square-lanczos"](image, 64)), np.asarray(expected))


def test_a_large_square_image_is_reduced_before_the_authors_crop() -> None:
    image = picture(3, 1024, 1024)
    expected = image.resize((256, 256), Image.Resampling.LANCZOS).resize((64, 64), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(np.asarray(PREPROCESSING["sfddm-reduced"](image, 64)), np.asarray(expected))


def test_no_preprocessing_takes_the_wanted_size_only() -> None:
    image = picture(4, 32, 32)
    np.testing.assert_array_equal(np.asarray(PREPROCESSING["none"](image, 32)), np.asarray(image))
    with pytest.raises(ValueError, match="32x32 image where 64x64 is needed"):
        PREPROCESSING["none"](image, 64)


def test_by_area_a_pixel_is_the_mean_of_those_it_covers() -> None:
    image = picture(5, 32, 32)
    means = np.asarray(image, np.float64).reshape(16, 2, 16, 2, 3).mean((1, 3))
    assert np.abs(np.asarray(PREPROCESSING["area"](image, 16)) - means).max() <= 1.0  # each of two passes rounds
    with pytest.raises(ValueError, match="32x16 image where a square one is needed"):
        PREPROCESSING["area"](picture(6, 32, 16), 16)


def test_every_rule_says_in_a_line_what_it_does() -> None:
    assert all(20 < len(describe(name)) < 130 for name in PREPROCESSING)
