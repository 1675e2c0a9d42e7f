"""Whether generated images are copies of the real ones that the models were trained on.

Authenticity (Alaa et al., ICML 2022): the part of the generated images that are farther from their nearest real image
than that one is from its own nearest other one. Of copies it is 0, of a fresh sample of the real distribution about a
half, of images far from all real ones 1: neither end is good, and the floor says where a fresh sample is.

Nearest: how far a generated image is from its nearest real one, over how far a real image is from its nearest other
one; medians. Of copies it is 0, of a fresh sample about 1. Held-out images are a fresh sample: where there are any, the
distance of generated images to the training images is also told by theirs.
"""

from typing import TYPE_CHECKING, Annotated, Self

from bench.config.numbers import NonNegative, Share
from bench.metrics.metric import NOT_HELD_OUT, Given, NeighbourMetric, Reasons
from bench.metrics.shown import Shown

if TYPE_CHECKING:
    from bench.metrics.neighbours import Neighbourhood


class Memorisation(NeighbourMetric):
    """nearest, real_nearest, held_out_nearest: median distances to the nearest real image that was trained on.

    Of generated images, of that image's own kind, and of real ones that were held out.
    """

    version = 2  # 2: beside held-out images

    authenticity: Annotated[Share, Shown("authenticity{space}", "0 to 1", None, 3)]
    nearest_ratio: Annotated[
        NonNegative | None,
        Shown("distance to the nearest real image{space}", "x between real images", None, 3),
    ]
    held_out_ratio: Annotated[
        NonNegative | None,
        Shown("distance to the nearest training image{space}", "x of held-out images", None, 3),
    ] = None
    nearest: NonNegative
    real_nearest: NonNegative
    held_out_nearest: NonNegative | None = None

    @classmethod
    def of(cls, given: Given) -> tuple[Self | None, Reasons]:
        measured, reasons = super().of(given)
        if measured is None:
            return None, reasons
        if given.held_out is None:
            return measured, reasons | dict.fromkeys(("held_out_ratio", "held_out_nearest"), NOT_HELD_OUT)
        apart = given.held_out.nearest
        if apart == 0:
            reasons = reasons | {"held_out_ratio": "half of the held-out images are among the training images"}
        ratio = measured.nearest / apart if apart else None
        return measured.model_copy(update={"held_out_ratio": ratio, "held_out_nearest": apart}), reasons

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
