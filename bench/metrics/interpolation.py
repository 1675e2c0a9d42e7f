"""How straight a method's images go from one latent to another, in feature space."""

from dataclasses import asdict, dataclass

from torch import Tensor


@dataclass(frozen=True)
class PathLength:
    """Means over paths, in units of the feature space: length along the points, distance of the ends, their ratio.

    The ratio is 1 for a straight line; largest_step is the longest step's part of the length (1/8 where even), mean
    over the paths that have a length. Null where no path has one.
    """

    length: float
    ends: float
    ratio: float | None
    largest_step: float | None
    paths: int

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the fields by name."""
        return asdict(self)


def path_length(features: Tensor) -> PathLength:
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
