"""Images that are kept apart from all training, of a dataset that has no test split."""

from dataclasses import replace

import numpy as np

from bench.datasets.dataset import Images, labels_sha256, pixels_sha256
from sfddm.errors import InputError

SEED = 0
LEAST = 2  # images in each part: fewer have no covariance


def hold_out(images: Images, share: float) -> Images:
    """Return images of which a part is kept apart, as their `held_out`; with no share, the images as they are.

    The part is drawn at random by a fixed seed, whatever the classes: a fresh sample of the data is drawn so too. Both
    parts keep the order of the images, and are copied into memory. Raises InputError.
    """
    if not share:
        return images
    given = f"--set: data.held_out = {share:g} given"
    if images.held_out is not None:
        raise InputError(f"{given}, but {images.name} has a test split, which is held out; possible: 0")
    count = len(images.pixels)
    apart = round(share * count)
    if min(apart, count - apart) < LEAST:
        raise InputError(
            f"{given}, which takes {apart} of the {count} images of {images.name}; both parts need {LEAST}"
        )
    order = np.random.default_rng(SEED).permutation(count)
    return replace(_part(images, np.sort(order[apart:])), held_out=_part(images, np.sort(order[:apart])))


def _part(images: Images, chosen: np.ndarray) -> Images:
    pixels, labels = images.pixels[chosen], None if images.labels is None else images.labels[chosen]
    return replace(
        images,
        pixels=pixels,
        labels=labels,
        sha256=pixels_sha256(pixels),
        labels_sha256=None if labels is None or images.labels_sha256 is None else labels_sha256(labels),
    )
