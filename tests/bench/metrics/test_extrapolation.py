"""FID-infinity and the jackknife interval on Gaussians whose true distance is known."""

import numpy as np
import pytest
import torch

from bench.metrics.fid_infinity import fid_infinity, subset_distances
from bench.metrics.frechet import Subsets, reference
from bench.metrics.jackknife import jackknife_interval

D = 24
SHIFT = 0.5  # of every mean: the true distance is D SHIFT^2


def drawn(seed: int, n: int) -> torch.Tensor:
    return torch.randn(n, D, generator=torch.Generator().manual_seed(seed)) + SHIFT


REFERENCE = reference(torch.randn(200_000, D, generator=torch.Generator().manual_seed(99)))
TRUE = D * SHIFT**2


def test_the_intercept_is_nearer_the_truth_than_the_plain_distance() -> None:
    plain = [REFERENCE.distance(drawn(seed, 400)).value for seed in range(10)]
    intercepts = [fid_infinity(Subsets(drawn(seed, 400), REFERENCE), seed) for seed in range(10)]
    assert np.mean(plain) - TRUE > 0.3  # d (d + 3) / 4 n and more
    assert abs(np.mean(intercepts) - TRUE) < (np.mean(plain) - TRUE) / 3
    for seed in range(10):
        sizes, distances = subset_distances(Subsets(drawn(seed, 400), REFERENCE), seed)
        assert sizes[-1] == 400
        assert np.polyfit(1 / np.array(sizes), distances, 1)[0] > 0


def test_the_fit_is_seeded() -> None:
    x = Subsets(drawn(0, 200), REFERENCE)
    assert fid_infinity(x, 1) == fid_infinity(x, 1)
    assert fid_infinity(x, 1) != fid_infinity(x, 2)


def test_the_interval_is_as_wide_as_the_distance_varies_between_independent_samples() -> None:
    values, widths = [], []
    for seed in range(40):
        subsets = Subsets(drawn(seed, 500), REFERENCE)
        low, high = jackknife_interval(subsets, seed)
        value = subsets.whole.value
        assert low < value < high
        values.append(value)
        widths.append((high - low) / 2)
    # t(19) = 2.093 sds each way; the sd of 40 values is itself known to 11 %.
    assert np.mean(widths) == pytest.approx(2.093 * np.std(values, ddof=1), rel=0.3)
