"""Improved precision and recall (Kynkaanniemi et al., NeurIPS 2019).

Precision: the part of the generated images that lie in the real ones' manifold; recall: the part of the real
images that lie in the generated ones'. A set's manifold is the union of balls around its images, each reaching
to the k-th nearest other image of the set.
"""

from typing import TYPE_CHECKING, Annotated, Self

from bench.config.numbers import Share
from bench.metrics.metric import NeighbourMetric, Reasons
from bench.metrics.shown import Shown

if TYPE_CHECKING:
    from bench.metrics.neighbours import Neighbourhood


class PrecisionRecall(NeighbourMetric):
    """Both between 0 and 1."""

    precision: Annotated[Share, Shown("precision{space}", "0 to 1", "higher", 3)]
    recall: Annotated[Share, Shown("recall{space}", "0 to 1", "higher", 3)]

    @classmethod
    def seen_in(cls, found: "Neighbourhood") -> tuple[Self, Reasons]:
        precise = found.balls > 0
        return cls(precision=precise.double().mean().item(), recall=found.recalled.double().mean().item()), {}
