"""The quality of generated images, from their features: every metric at once, under one protocol."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.config.settings import EvaluationSettings
from bench.datasets.dataset import Images
from bench.metrics.fid_infinity import fid_infinity
from bench.metrics.frechet import Reference
from bench.metrics.inception_score import inception_score
from bench.metrics.intervals import jackknife_interval
from bench.metrics.kid import kid
from bench.metrics.precision_recall import precision_recall
from bench.metrics.protocol import Protocol

LEAST_OF_INTERVAL, LEAST_OF_EXTRAPOLATION = (
    40,
    20,
)  # images; two in each of the jackknife's groups; two in the smallest part


@dataclass(frozen=True)
class Features:
    """features (n,d) and class probabilities (n,k) of a set of images, float32 on the device they are compared on."""

    features: Tensor
    probabilities: Tensor


def quality(generated: Features, real: Tensor, reference: Reference, settings: EvaluationSettings,
            report: Callable[[int], None] = lambda done: None) -> dict[str, Any]:  # fmt: skip
    """Return a record's quality fields, the distance as `distance`, and under `reasons` why one is null.

    real: the reference's features (m,d). The metrics' own seed is a setting, not the cell's, so that cells of several
    seeds have one protocol. report takes how many of the PARTS are done.
    """
    x, n, seed = generated.features, len(generated.features), settings.seed
    reasons: dict[str, str] = {}
    result = reference.distance(x)
    report(1)
    low, high = jackknife_interval(x, reference, seed) if n >= LEAST_OF_INTERVAL else (None, None)
    if low is None:
        reasons |= dict.fromkeys(("distance_low", "distance_high"), f"fewer than {LEAST_OF_INTERVAL} images")
    report(2)
    infinity = fid_infinity(x, reference, seed).value if n >= LEAST_OF_EXTRAPOLATION else None
    if infinity is None:
        reasons["distance_infinity"] = f"fewer than {LEAST_OF_EXTRAPOLATION} images"
    report(3)
    kid_mean, kid_std = kid(x, real, settings.kid_subsets, kid_subset(settings, n, len(real)), seed)
    report(4)
    enough = min(n, len(real)) > settings.neighbours
    precision, recall = precision_recall(x, real, settings.neighbours) if enough else (None, None)
    if not enough:
        reasons |= dict.fromkeys(("precision", "recall"), f"no more than {settings.neighbours} images")
    report(5)
    is_mean, is_std = inception_score(generated.probabilities, settings.splits, seed)
    report(6)
    return {
        "images": n,
        "reference_images": len(real),
        "distance": result.value,
        "distance_low": low,
        "distance_high": high,
        "distance_infinity": infinity,
        "distance_path": result.path,
        "min_eigenvalue": result.min_eigenvalue,
        "rank_deficient": result.rank_deficient,
        "is_mean": is_mean,
        "is_std": is_std,
        "kid_mean": kid_mean,
        "kid_std": kid_std,
        "precision": precision,
        "recall": recall,
        "reasons": reasons,
    }


PARTS = 6  # distance, interval, extrapolation, KID, precision and recall, score


def kid_subset(settings: EvaluationSettings, images: int, reference_images: int) -> int:
    """Return how many images a KID subset has: the setting, or all there are where that is fewer."""
    return min(settings.kid_subset, images, reference_images)


def protocol(extractor: dict[str, Any], dataset: Images, images: int, reference_images: int,
             dtypes: tuple[torch.dtype, torch.dtype], settings: EvaluationSettings) -> Protocol:  # fmt: skip
    """Return what the quality was measured under; dtypes: of the features and of the reference's statistics, as they are."""
    features, statistics = (str(dtype).removeprefix("torch.") for dtype in dtypes)
    return Protocol(
        network=extractor["network"],
        network_sha256=extractor["weights_sha256"],
        resize=extractor["resize"],
        images=images,
        reference=dataset.name,
        reference_sha256=dataset.sha256,
        reference_images=reference_images,
        preprocessing=dataset.preprocessing,
        lossy_reference=dataset.lossy,
        feature_dtype=features,
        statistics_dtype=statistics,
        is_splits=settings.splits,
        kid_subsets=settings.kid_subsets,
        kid_subset_size=kid_subset(settings, images, reference_images),
        neighbours=settings.neighbours,
        seed=settings.seed,
    )
