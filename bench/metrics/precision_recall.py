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


class PrecisionRecall(Metric):
    """Both between 0 and 1."""

    precision: Annotated[Share, Shown("precision{space}", "0 to 1", "higher", 3)]
    recall: Annotated[Share, Shown("recall{space}", "0 to 1", "higher", 3)]

    @classmethod
    def of(cls, given: Given) -> tuple[Self | None, Reasons]:
        neighbours = given.settings.neighbours
        if given.smallest <= neighbours:
            return None, {"": f"no more than {neighbours} images"}
        precision, recall = precision_recall(given.features, given.real, neighbours, given.real_radii)
        return cls(precision=precision, recall=recall), {}


def precision_recall(
    features: "Tensor", reference: "Tensor", neighbours: int = 3, real_radii: "Tensor | None" = None
) -> tuple[float, float]:
    """Return (precision, recall) of features (n,d) against reference features (m,d); n, m > neighbours.

    real_radii: the reference's own squared radii (m,), if they are known.
    """
    import torch  # which tables, that only read the declaration above, do without

    from bench.metrics.neighbours import between, squared_radii

    real_reach = squared_radii(reference, neighbours) if real_radii is None else real_radii
    reach = squared_radii(features, neighbours)
    precise = torch.zeros(len(features), dtype=torch.bool, device=features.device)
    recalled = torch.zeros(len(reference), dtype=torch.bool, device=features.device)
    for rows, columns, squared in between(features, reference):
        precise[rows] |= (squared <= real_reach[columns]).any(1)
        recalled[columns] |= (squared <= reach[rows, None]).any(0)
    return precise.double().mean().item(), recalled.double().mean().item()
