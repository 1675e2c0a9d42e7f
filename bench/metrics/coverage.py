"""Density and coverage (Naeem et al., ICML 2020), which one outlier moves less than precision and recall.

Around each real image is a ball that reaches to its k-th nearest other one. Density: in how many balls a generated
image lies, over k; it may exceed 1. Coverage: the part of the balls with a generated image in them, which a lost mode
lowers.
"""

from typing import TYPE_CHECKING, Annotated, Self

from bench.config.numbers import NonNegative, Share
from bench.metrics.metric import NeighbourMetric, Reasons
from bench.metrics.shown import Shown

if TYPE_CHECKING:
    from bench.metrics.neighbours import Neighbourhood


class Coverage(NeighbourMetric):
    """Coverage between 0 and 1; density 0 or more, about 1 of a fresh sample of the real distribution."""

    density: Annotated[NonNegative, Shown("density{space}", "", "higher", 3)]
    coverage: Annotated[Share, Shown("coverage{space}", "0 to 1", "higher", 3)]

    @classmethod
    def seen_in(cls, found: "Neighbourhood") -> tuple[Self, Reasons]:
        density = found.balls.double().mean().item() / found.neighbours
        return cls(density=density, coverage=found.covered.double().mean().item()), {}
