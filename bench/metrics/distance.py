"""The Frechet distance of generated images with its interval and what it is of infinitely many images.

It is called FID on Inception-2015 features only; on any other features it is FD, with the feature space named.
"""

from dataclasses import asdict
from typing import Annotated, Self

from bench.config.numbers import Finite, FrechetValue
from bench.metrics.metric import Given, Metric, Reasons
from bench.metrics.shown import Shown

INCEPTION_2015 = "inception-2015"
LEAST_OF_JACKKNIFE = 40  # images: two in each of its groups


def is_fid(space: str) -> bool:
    """Tell whether the distance in a feature space is called FID."""
    return space.startswith(INCEPTION_2015)


def distance_name(space: str) -> str:
    """Return what the distance is called: FID, or FD with its feature space."""
    return "FID" if is_fid(space) else f"FD ({space})"


class Distance(Metric):
    """low, high: the 95 % interval, of the sampling of so many images. infinity: of ever so many, by the jackknife.

    extrapolated: the same by a line over 1/n (Chong and Forsyth 2020), in older records; too low at few images.
    path: how the matrix root was found. rank_deficient: fewer images than features.
    """

    version = 2  # 2: infinity by the jackknife's own correction

    name: str
    value: Annotated[
        FrechetValue | None,
        Shown(
            "{distance}",
            "",
            "lower",
            2,
            brief="{distance}",
            interval=("low", "high"),
            fresh=("quality", "fresh", "distance"),
        ),
    ]
    low: Finite | None = None
    high: Finite | None = None
    infinity: Annotated[Finite | None, Shown("{distance} infinity", "", "lower", 2)] = None
    extrapolated: Annotated[Finite | None, Shown("{distance} infinity, extrapolated", "", "lower", 2)] = None
    path: str | None = None
    min_eigenvalue: Finite | None = None
    rank_deficient: bool | None = None

    @classmethod
    def of(cls, given: Given) -> tuple[Self, Reasons]:
        from bench.metrics.frechet import Subsets
        from bench.metrics.jackknife import jackknife

        count, seed = len(given.features), given.settings.seed
        subsets = Subsets(given.features, given.reference)
        reasons: Reasons = {}
        found = subsets.whole
        if count >= LEAST_OF_JACKKNIFE:
            by_jackknife = asdict(jackknife(subsets, seed))
        else:
            by_jackknife = {}
            reasons |= dict.fromkeys(("low", "high", "infinity"), f"fewer than {LEAST_OF_JACKKNIFE} images")
        measured = cls(
            name=distance_name(given.space),
            value=found.value,
            **by_jackknife,
            path=found.path,
            min_eigenvalue=found.min_eigenvalue,
            rank_deficient=found.rank_deficient,
        )
        return measured, reasons
