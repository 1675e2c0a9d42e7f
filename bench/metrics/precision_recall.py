"""Improved precision and recall (Kynkaanniemi et al., NeurIPS 2019).

Precision: the part of the generated images that lie in the real ones' manifold; recall: the part of the real
images that lie in the generated ones'. A set's manifold is the union of balls around its images, each reaching
to the k-th nearest other image of the set.
"""

import torch
from torch import Tensor

CHUNK = 1024  # rows of a distance matrix at a time, so that memory stays bounded


def precision_recall(features: Tensor, reference: Tensor, neighbours: int = 3) -> tuple[float, float]:
    """Return (precision, recall) of features (n,d) against reference features (m,d); n, m > neighbours."""
    return (
        inside(features, reference, radii(reference, neighbours)),
        inside(reference, features, radii(features, neighbours)),
    )


def radii(features: Tensor, neighbours: int) -> Tensor:
    """Return each image's distance (n,) to its k-th nearest other image of the set."""
    parts = [torch.cdist(part, features).kthvalue(neighbours + 1).values for part in features.split(CHUNK)]
    return torch.cat(parts)


def inside(features: Tensor, centres: Tensor, reach: Tensor) -> float:
    """Return the part of the features that lie in at least one ball."""
    parts = [(torch.cdist(part, centres) <= reach).any(1) for part in features.split(CHUNK)]
    return torch.cat(parts).double().mean().item()
