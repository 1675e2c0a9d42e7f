"""The interface of a metric: what it measures of generated images from their features. No torch.

A metric is one file: a `Metric` whose fields are the numbers, each declared with its unit and direction, and `of`,
which measures them. A metric of another package registers its class under the entry point group `sfddm_bench.metrics`.
"""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self

from bench.metrics.shown import Section

if TYPE_CHECKING:
    from torch import Tensor

    from bench.config.sections import EvaluationSettings
    from bench.metrics.frechet import Reference
    from bench.metrics.neighbours import Neighbourhood

NOT_HELD_OUT = "no images were kept apart from training"

Reasons = dict[str, str]  # why a field is None, by its name; "" for all of the metric


@dataclass(frozen=True)
class HeldOutImages:
    """Real images that nothing was trained on, in the same features.

    reference: their Gaussian. nearest: their median distance to the nearest image of the reference.
    """

    reference: "Reference"
    nearest: float


@dataclass(frozen=True)
class Given:
    """What a metric is given, float32 on the device it is computed on.

    features (n,d) and probabilities (n,k) of the generated images; the latter is None if the features have no classes.
    real: the reference's features (m,d); reference: its Gaussian, found once for all cells; real_distances: the
    squared distances (m,k) of each real image to its k = `settings.neighbours` nearest other ones, nearest first, if
    they are known already. held_out: real images that nothing was trained on, if there are any.
    settings: `settings.seed` draws subsets and splits, the same for every cell. space: the name of the feature space.

    None is to be written to, and what is large may be memory-mapped: read it a part at a time, as `neighbours.between`
    and `frechet.scatter_of` do.
    """

    features: "Tensor"
    probabilities: "Tensor | None"
    real: "Tensor"
    reference: "Reference"
    settings: "EvaluationSettings"
    space: str
    real_distances: "Tensor | None" = None
    held_out: HeldOutImages | None = None

    @property
    def smallest(self) -> int:
        """How many images the smaller of the two sets has."""
        return min(len(self.features), len(self.real))

    @cached_property
    def neighbourhood(self) -> "Neighbourhood":
        """How the two sets lie to each other, more than `settings.neighbours` images of each: found once for all."""
        from bench.metrics.neighbours import neighbourhood

        return neighbourhood(self.features, self.real, self.settings.neighbours, self.real_distances)


class Metric(Section):
    """The numbers of one metric. Raise `version` when they change their meaning."""

    version: ClassVar[int] = 1

    @classmethod
    def is_of(cls, space: str) -> bool:
        """Tell whether the metric means anything in a feature space, by its name; most do in any."""
        return True

    @classmethod
    @abstractmethod
    def of(cls, given: Given) -> tuple[Self | None, Reasons]:
        """Return what is measured, None if nothing can be, and why a number is missing."""


class NeighbourMetric(Metric):
    """A metric of how the two sets lie to each other, which takes more images than neighbours."""

    @classmethod
    def of(cls, given: Given) -> tuple[Self | None, Reasons]:
        if given.smallest <= given.settings.neighbours:
            return None, {"": f"no more than {given.settings.neighbours} images"}
        return cls.seen_in(given.neighbourhood)

    @classmethod
    @abstractmethod
    def seen_in(cls, found: "Neighbourhood") -> tuple[Self, Reasons]:
        """Return what is measured, and why a number is missing."""
