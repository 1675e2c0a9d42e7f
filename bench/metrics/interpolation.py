"""How straight a method's images go from one latent to another, in feature space. No torch."""

from typing import TYPE_CHECKING, Annotated

from bench.config.numbers import NonNegative, PositiveCount
from bench.metrics.shown import Section, Shown

if TYPE_CHECKING:
    from torch import Tensor

TITLE = "interpolation, {field}: path length by distance of its ends{space}"


class PathLength(Section):
    """Means over paths, in units of the feature space: length along the points, distance of the ends, their ratio.

    The ratio is 1 for a straight line; largest_step is the longest step's part of the length (1/8 if even), mean over
    the paths that have a length. None if no path has one.
    """

    length: NonNegative
    ends: NonNegative
    ratio: Annotated[NonNegative | None, Shown(TITLE, "1 is straight", None, 2)]
    largest_step: NonNegative | None
    paths: PositiveCount


class Interpolation(Section):
    """The paths between pairs of latents, by how the latents are mixed."""

    linear: PathLength
    spherical: PathLength


def path_length(features: "Tensor") -> PathLength:
    """Return the path lengths of features (paths, points, d)."""
    x = features.double()
    steps = (x[:, 1:] - x[:, :-1]).norm(dim=2)
    length, ends = steps.sum(1), (x[:, -1] - x[:, 0]).norm(dim=1)
    moving = length > 0
    return PathLength(
        length=length.mean().item(),
        ends=ends.mean().item(),
        ratio=(length.mean() / ends.mean()).item() if ends.any() else None,
        largest_step=(steps[moving].max(1).values / length[moving]).mean().item() if moving.any() else None,
        paths=len(x),
    )
