"""The Frechet distance to real images that nothing was trained on.

A distance to the training images rewards copies of them; to this one a copy is worth no more than any image like it.
"""

from typing import TYPE_CHECKING, Annotated, Self

from bench.config.numbers import Finite, FrechetValue, PositiveCount
from bench.metrics.distance import LEAST_OF_JACKKNIFE
from bench.metrics.metric import NOT_HELD_OUT, Given, Metric, Reasons
from bench.metrics.shown import Section, Shown

if TYPE_CHECKING:
    from bench.metrics.frechet import Subsets

REAL_IMAGES = "real data, training images"


class HeldOut(Metric):
    """low, high: the 95 % interval, of the sampling of so many images. reference_images: how many are held out.

    Of the real data: that of as many training images as a cell has, which are a fresh sample for the held-out ones.
    """

    reference_images: PositiveCount
    value: Annotated[
        FrechetValue,
        Shown("{distance} to held-out images", "", "lower", 2, interval=("low", "high"), real=REAL_IMAGES),
    ]
    low: Finite | None = None
    high: Finite | None = None

    @classmethod
    def of(cls, given: Given) -> tuple[Self | None, Reasons]:
        from bench.metrics.frechet import Subsets
        from bench.metrics.jackknife import jackknife

        if given.held_out is None:
            return None, {"": NOT_HELD_OUT}
        reference = given.held_out.reference
        subsets = Subsets(given.features, reference)
        measured = cls(reference_images=reference.count, value=subsets.whole.value)
        if len(given.features) < LEAST_OF_JACKKNIFE:
            return measured, dict.fromkeys(("low", "high"), f"fewer than {LEAST_OF_JACKKNIFE} images")
        found = jackknife(subsets, given.settings.seed)
        return measured.model_copy(update={"low": found.low, "high": found.high}), {}


class Fresh(Section):
    """What a sampler that draws real images gets in a cell's place: held-out images against the cells' own reference.

    distance: of as many images as a cell has, `images`. measured: of the held-out ones, at most so many, `held_out`. If
    they are fewer, the first is the second less the bias that they have more than so many images would have.
    """

    distance: Finite
    images: PositiveCount
    measured: FrechetValue
    held_out: PositiveCount


def fresh(subsets: "Subsets", images: int, seed: int) -> Fresh | None:
    """Return the distance of a fresh sample of so many images, from n <= `images` of them.

    A Frechet distance of n images is biased by about a/n, which the jackknife tells from n of them; None if n is less
    than that and too few for it.
    """
    from bench.metrics.jackknife import jackknife

    count, value = len(subsets.features), subsets.whole.value
    distance = value
    if count < images:
        if count < LEAST_OF_JACKKNIFE:
            return None
        unbiased = jackknife(subsets, seed).infinity
        distance = unbiased + (value - unbiased) * count / images
    return Fresh(distance=distance, images=images, measured=value, held_out=count)
