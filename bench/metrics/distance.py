"""The Frechet distance of generated images with its interval and its extrapolation to infinitely many images.

It is called FID on Inception-2015 features only; on any other features it is FD, with the feature space named.
"""

from typing import Annotated, Self

from bench.config.numbers import Finite, FrechetValue
from bench.metrics.metric import Given, Metric, Reasons
from bench.metrics.shown import Shown

INCEPTION_2015 = "inception-2015"
LEAST_OF_INTERVAL = 40  # images: two in each of the jackknife's groups
LEAST_OF_EXTRAPOLATION = 20  # images: two in the smallest part


def is_fid(space: str) -> bool:
    """Tell whether the distance in a feature space is called FID."""
    return space.startswith(INCEPTION_2015)


def distance_name(space: str) -> str:
    """Return what the distance is called: FID, or FD with its feature space."""
    return "FID" if is_fid(space) else f"FD ({space})"


class Distance(Metric):
    """low, high: the 95 % interval. path: how the matrix root was found. rank_deficient: fewer images than features."""

    name: str
    value: Annotated[
        FrechetValue | None, Shown("{distance}", "", "lower", 2, brief="{distance}", interval=("low", "high"))
    ]
    low: Finite | None = None
    high: Finite | None = None
    infinity: Annotated[Finite | None, Shown("{distance} infinity", "", "lower", 2)] = None
    path: str | None = None
    min_eigenvalue: Finite | None = None
    rank_deficient: bool | None = None

    @classmethod
    def of(cls, given: Given) -> tuple[Self, Reasons]:
        from bench.metrics.fid_infinity import fid_infinity
        from bench.metrics.frechet import Subsets
        from bench.metrics.jackknife import jackknife_interval

        count, seed = len(given.features), given.settings.seed
        subsets = Subsets(given.features, given.reference)
        reasons: Reasons = {}
        found = subsets.whole
        low = high = infinity = None
        if count >= LEAST_OF_INTERVAL:
            low, high = jackknife_interval(subsets, seed)
        else:
            reasons |= dict.fromkeys(("low", "high"), f"fewer than {LEAST_OF_INTERVAL} images")
        if count >= LEAST_OF_EXTRAPOLATION:
            infinity = fid_infinity(subsets, seed)
        else:
            reasons["infinity"] = f"fewer than {LEAST_OF_EXTRAPOLATION} images"
        measured = cls(
            name=distance_name(given.space),
            value=found.value,
            low=low,
            high=high,
            infinity=infinity,
            path=found.path,
            min_eigenvalue=found.min_eigenvalue,
            rank_deficient=found.rank_deficient,
        )
        return measured, reasons
