"""Improved precision and recall (Kynkaanniemi et al., NeurIPS 2019).

Precision: the part of the generated images that lie in the real ones' manifold; recall: the part of the real
images that lie in the generated ones'. A set's manifold is the union of balls around its images, each reaching
to the k-th nearest other image of the set.
"""

from typing import TYPE_CHECKING, Annotated, Self

from bench.config.numbers import Share
from bench.metrics.metric import Given, Metric, Reasons
from bench.metrics.shown import Shown

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 1024  # rows of a distance matrix at a time, so that memory stays bounded


class PrecisionRecall(Metric):
    """Both between 0 and 1."""

    precision: Annotated[Share, Shown("precision{space}", "0 to 1", "higher", 3, brief="precision")]
    recall: Annotated[Share, Shown("recall{space}", "0 to 1", "higher", 3, brief="recall")]

    @classmethod
    def of(cls, given: Given) -> tuple[Self | None, Reasons]:
        neighbours = given.settings.neighbours
        if given.smallest <= neighbours:
            return None, {"": f"no more than {neighbours} images"}
        precision, recall = precision_recall(given.features, given.real, neighbours)
        return cls(precision=precision, recall=recall), {}


def precision_recall(features: "Tensor", reference: "Tensor", neighbours: int = 3) -> tuple[float, float]:
    """Return (precision, recall) of features (n,d) against reference features (m,d); n, m > neighbours."""
    return (
        inside(features, reference, radii(reference, neighbours)),
        inside(reference, features, radii(features, neighbours)),
    )


def radii(features: "Tensor", neighbours: int) -> "Tensor":
    """Return each image's distance (n,) to its k-th nearest other image of the set."""
    import torch  # which tables, that only read the declaration above, do without

    parts = [torch.cdist(part, features).kthvalue(neighbours + 1).values for part in features.split(CHUNK)]
    return torch.cat(parts)


def inside(features: "Tensor", centres: "Tensor", reach: "Tensor") -> float:
    """Return the part of the features that lie in at least one ball."""
    import torch

    parts = [(torch.cdist(part, centres) <= reach).any(1) for part in features.split(CHUNK)]
    return torch.cat(parts).double().mean().item()
