"""CMMD by its definition, by brute force in float64, and what it says of equal and of moved sets."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch_fidelity.metric_kid import kernel_rbf, mmd2

from bench.metrics.cmmd import CMMD, squared_discrepancy

ABSOLUTE = 2e-9  # of float32 squares of unit vectors, over 2 sigma^2: 1e-7 / 200


def unit(count: int, seed: int, shift: float = 0.0) -> Tensor:
    x = torch.randn(count, 24, generator=torch.Generator().manual_seed(seed))
    x[:, 0] += shift
    return F.normalize(x, dim=1)


def by_definition(x: Tensor, y: Tensor) -> float:
    """Return equation 5 of Gretton et al. in float64, with the differences themselves."""
    x, y = x.double(), y.double()

    def mean(a: Tensor, b: Tensor) -> Tensor:
        return torch.exp(-torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square() / 200).mean()

    return (mean(x, x) + mean(y, y) - 2 * mean(x, y)).item()


@pytest.mark.parametrize(("n", "m", "shift"), [(40, 60, 0.0), (40, 60, 1.0), (1100, 1030, 0.3)])
def test_it_is_the_biased_estimate_by_its_definition(n: int, m: int, shift: float) -> None:
    x, y = unit(n, 0), unit(m, 1, shift)
    assert squared_discrepancy(x, y) == pytest.approx(by_definition(x, y), abs=ABSOLUTE)


def test_it_is_torch_fidelitys_biased_estimate_with_the_same_kernel() -> None:
    x, y = unit(80, 0), unit(80, 1, 0.5)
    kernels = [
        kernel_rbf(a.double().numpy(), b.double().numpy(), kid_kernel_rbf_sigma=10) for a, b in ((x, x), (x, y), (y, y))
    ]
    assert squared_discrepancy(x, y) == pytest.approx(mmd2(*kernels, mmd_est="biased"), abs=ABSOLUTE)


def test_a_set_is_at_0_from_itself_and_farther_the_farther_it_is_moved() -> None:
    x = unit(200, 0)
    assert squared_discrepancy(x, x) == pytest.approx(0, abs=ABSOLUTE)
    found = [squared_discrepancy(x, unit(200, 1, shift)) for shift in (0.0, 0.5, 1.0, 2.0)]
    assert found == sorted(found)
    assert found[0] > 0


def test_it_is_of_clips_features_only() -> None:
    assert CMMD.is_of("clip")
    assert CMMD.is_of("clip weights 01234567")
    assert not any(CMMD.is_of(space) for space in ("clipped", "dinov2", "inception-2015 clean", "digits-cnn"))
