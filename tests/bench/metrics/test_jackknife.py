"""The jackknife: its interval and its correction, on Gaussians whose true distance is known."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bench.metrics.frechet import Subsets, reference
from bench.metrics.jackknife import jackknife

D = 24
SHIFT = 0.5  # of every mean: the true distance is D SHIFT^2


def drawn(seed: int, n: int) -> torch.Tensor:
    return torch.randn(n, D, generator=torch.Generator().manual_seed(seed)) + SHIFT


REFERENCE = reference(torch.randn(200_000, D, generator=torch.Generator().manual_seed(99)))
TRUE = D * SHIFT**2


def test_the_corrected_distance_is_nearer_the_truth_than_the_plain_one() -> None:
    plain = [REFERENCE.distance(drawn(seed, 400)).value for seed in range(10)]
    corrected = [jackknife(Subsets(drawn(seed, 400), REFERENCE), seed).infinity for seed in range(10)]
    assert np.mean(plain) - TRUE > 0.3  # d (d + 3) / 4 n and more
    assert abs(np.mean(corrected) - TRUE) < (np.mean(plain) - TRUE) / 5


@pytest.mark.parametrize("n", [60, 400])
def test_of_equal_distributions_it_is_0_on_average(n: int) -> None:
    """Here all of the distance is bias; a line over 1/n goes well below 0, as the distance bends more than 1/n does."""
    zeros = [jackknife(Subsets(drawn(seed, n) - SHIFT, REFERENCE), seed).infinity for seed in range(30)]
    plain = np.mean([REFERENCE.distance(drawn(seed, n) - SHIFT).value for seed in range(30)])
    assert abs(np.mean(zeros)) < plain / 4


def test_a_bias_that_falls_as_1_over_n_is_taken_off_exactly() -> None:
    class Known:
        """Distances of 3 and 50 / n more."""

        features = np.zeros(200)
        whole = SimpleNamespace(value=3 + 50 / 200)

        def distance(self, chosen: np.ndarray) -> SimpleNamespace:
            return SimpleNamespace(value=3 + 50 / len(chosen))

    found = jackknife(Known())  # type: ignore[arg-type]
    assert found.infinity == pytest.approx(3, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((3.25, 3.25))


def test_the_groups_are_seeded() -> None:
    x = Subsets(drawn(0, 200), REFERENCE)
    assert jackknife(x, 1) == jackknife(x, 1)
    assert jackknife(x, 1) != jackknife(x, 2)


def test_the_interval_is_as_wide_as_the_distance_varies_between_independent_samples() -> None:
    values, widths = [], []
    for seed in range(40):
        subsets = Subsets(drawn(seed, 500), REFERENCE)
        found = jackknife(subsets, seed)
        value = subsets.whole.value
        assert found.low < value < found.high
        values.append(value)
        widths.append((found.high - found.low) / 2)
    # t(19) = 2.093 sds each way; the sd of 40 values is itself known to 11 %.
    assert np.mean(widths) == pytest.approx(2.093 * np.std(values, ddof=1), rel=0.3)
