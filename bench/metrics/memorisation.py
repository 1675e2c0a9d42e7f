"""Whether generated images are copies of the real ones that the models were trained on.

Authenticity (Alaa et al., ICML 2022): the part of the generated images that are farther from their nearest real image
than that one is from its own nearest other one. Of copies it is 0, of a fresh sample of the real distribution about a
half, of images far from all real ones 1: neither end is good, and the floor says where a fresh sample is.

Nearest: how far a generated image is from its nearest real one, over how far a real image is from its nearest other
one; medians. Of copies it is 0, of a fresh sample about 1.
"""

from typing import TYPE_CHECKING, Annotated, Self

from bench.config.numbers import NonNegative, Share
from bench.metrics.metric import NeighbourMetric, Reasons
from bench.metrics.shown import Shown

if TYPE_CHECKING:
    from bench.metrics.neighbours import Neighbourhood


class Memorisation(NeighbourMetric):
    """nearest, real_nearest: median distances to the nearest real image, of generated and of other real images."""

    authenticity: Annotated[Share, Shown("authenticity{space}", "0 to 1", None, 3)]
    nearest_ratio: Annotated[
        NonNegative | None,
        Shown("distance to the nearest real image{space}", "x between real images", None, 3),
    ]
    nearest: NonNegative
    real_nearest: NonNegative

    @classmethod
    def seen_in(cls, found: "Neighbourhood") -> tuple[Self, Reasons]:
        nearest, real = found.nearest.median().item(), found.real_nearest.median().item()
        measured = cls(
            authenticity=found.authentic.double().mean().item(),
            nearest_ratio=nearest / real if real > 0 else None,
            nearest=nearest,
            real_nearest=real,
        )
        return measured, {} if real > 0 else {"nearest_ratio": "half of the real images are there twice"}
