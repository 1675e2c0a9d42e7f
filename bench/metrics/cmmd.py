"""CMMD (Jayasumana et al., CVPR 2024): how far apart CLIP's embeddings of two sets are, whatever their distribution.

The squared maximum mean discrepancy with the kernel exp(-|x - y|^2 / (2 sigma^2)), sigma 10, by the biased estimator
of the least variance (Gretton et al. 2012, equation 5), as in CMMD's own code: every pair counts, an image with itself
too. It is never negative, and of two samples of one distribution a little above 0.
"""

from typing import TYPE_CHECKING, Annotated, Self

from bench.config.numbers import Finite
from bench.metrics.metric import Given, Metric, Reasons
from bench.metrics.shown import Shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from bench.metrics.neighbours import Block

CLIP = "clip"  # the feature space; with other weights than the published its name begins so
SIGMA = 10.0


class CMMD(Metric):
    """The squared discrepancy; it is shown times 1000, as published."""

    value: Annotated[Finite, Shown("CMMD{space}", "x 1000, biased estimate", "lower", 3, factor=1000)]

    @classmethod
    def is_of(cls, space: str) -> bool:
        """Tell whether a feature space is CLIP's: in any other this sigma means nothing."""
        return space.partition(" ")[0] == CLIP

    @classmethod
    def of(cls, given: Given) -> tuple[Self, Reasons]:
        return cls(value=squared_discrepancy(given.features, given.real)), {}


def squared_discrepancy(x: "Tensor", y: "Tensor") -> float:
    """Return the biased estimate of the squared discrepancy of features x (n,d) and y (m,d), in bounded memory.

    The kernel of unit vectors is nearly 1, so it is summed less 1, which the three means have in common.
    """
    from bench.metrics.neighbours import between, within

    own = _mean(within(x), len(x) ** 2) + _mean(within(y), len(y) ** 2)
    return own - 2 * _mean(between(x, y), len(x) * len(y))


def _mean(blocks: "Iterable[Block]", pairs: int) -> float:
    """Return the mean of the kernel less 1 over all pairs: of a block's rows in float32, of those in float64."""
    sums = ((squared * (-0.5 / SIGMA**2)).expm1_().sum(1).double().sum().item() for _, _, squared in blocks)
    return sum(sums) / pairs
