"""KID against a double loop, and against torch-fidelity's on the same subsets."""

import itertools

import numpy as np
import pytest
import torch
from torch_fidelity.metric_kid import kid_features_to_metric

from bench.metrics.kid import kid, squared_mmd
from sfddm.errors import InputError

EXACT = 1e-10  # relative, float64


def sets(n: int, m: int, d: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, d, generator=generator), torch.randn(m, d, generator=generator) * 1.2 + 0.1


def test_squared_mmd_is_the_double_loop() -> None:
    x, y = sets(7, 7, 5)

    def k(a: torch.Tensor, b: torch.Tensor) -> float:
        return (float(a.double() @ b.double()) / 5 + 1) ** 3

    pairs = list(itertools.permutations(range(7), 2))
    within = sum(k(x[i], x[j]) + k(y[i], y[j]) for i, j in pairs) / len(pairs)
    between = sum(k(a, b) for a in x for b in y) / 49
    assert squared_mmd(x.double(), y.double()) == pytest.approx(within - 2 * between, rel=EXACT)


def test_mean_and_sd_over_subsets_are_torch_fidelitys_of_the_same_subsets(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = sets(200, 150, 16)
    theirs = kid_features_to_metric(
        x.double(),
        y.double(),
        kid_subsets=20,
        kid_subset_size=50,
        kid_kernel="poly",
        kid_kernel_poly_degree=3,
        kid_kernel_poly_gamma=None,
        kid_kernel_poly_coef0=1,
        rng_seed=5,
        verbose=False,
    )
    monkeypatch.setattr(np.random, "default_rng", np.random.RandomState)  # which torch-fidelity draws by
    found = kid(x, y, subsets=20, subset_size=50, seed=5)
    expected = theirs["kernel_inception_distance_mean"], theirs["kernel_inception_distance_std"]
    assert found == pytest.approx(expected, rel=EXACT)


def test_subsets_are_seeded_and_equal_sets_are_near_zero_on_either_side() -> None:
    x, y = sets(300, 300, 8)
    assert kid(x, y, 10, 50, seed=1) == kid(x, y, 10, 50, seed=1)
    assert kid(x, y, 10, 50, seed=1) != kid(x, y, 10, 50, seed=2)
    same = [kid(*torch.randn(2, 60, 8, generator=torch.Generator().manual_seed(s)), 1, 60)[0] for s in range(20)]
    assert min(same) < 0 < max(same)  # unbiased, so negative for some


def test_a_subset_larger_than_a_set_is_refused() -> None:
    with pytest.raises(InputError, match=r"evaluation\.kid_subset: 100 given, 2 to 40 possible"):
        kid(*sets(50, 40, 4), subset_size=100)
