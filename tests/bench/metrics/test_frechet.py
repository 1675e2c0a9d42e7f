"""The Frechet distance against closed forms, and clean-fid's and torch-fidelity's own functions."""

import subprocess
import sys
from functools import reduce
from operator import add

import numpy as np
import pytest
import scipy.linalg
import torch
from helpers.command_line import ROOT
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from bench.metrics import frechet
from bench.metrics.frechet import (
    Gaussian,
    Subsets,
    frechet_distance,
    gaussian,
    gram,
    reference,
    reference_of,
    scatter_of,
)

ORACLE = 1e-9  # relative, float64
CLEANFID = 1e-6  # relative; clean-fid takes a Schur matrix root


def features(n: int, d: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=generator, dtype=dtype) / d**0.5
    return torch.randn(n, d, generator=generator, dtype=dtype) @ mix + torch.randn(d, generator=generator, dtype=dtype)


def spd(d: int, seed: int) -> Tensor:
    x = torch.randn(d, 2 * d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x @ x.T / (2 * d)


def test_mean_shift_costs_its_square() -> None:
    x = features(200, 8, 0)
    shift = torch.arange(8, dtype=torch.float64)
    assert frechet_distance(x + shift, x).value == pytest.approx(shift.square().sum().item(), rel=ORACLE)
    assert frechet_distance(x, x).value == pytest.approx(0, abs=1e-9)


def test_commuting_covariances_have_their_closed_form() -> None:
    a, b = torch.rand(2, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1
    q = torch.linalg.qr(features(16, 16, 1)).Q
    one, other = (Gaussian(torch.zeros(16, dtype=torch.float64), q @ s.diag() @ q.T, 100) for s in (a, b))
    expected = (a.sqrt() - b.sqrt()).square().sum().item()
    assert reference_of(other).distance_of_gaussian(one).value == pytest.approx(expected, rel=ORACLE)


def test_congruent_covariances_have_their_exact_root() -> None:
    """S2 = T S1 T with T symmetric positive definite: tr (S1 S2)^(1/2) = tr(T S1)."""
    d = 512
    s1, t = spd(d, 0), spd(d, 1)
    zero = torch.zeros(d, dtype=torch.float64)
    result = reference_of(Gaussian(zero, s1, 10**4)).distance_of_gaussian(Gaussian(zero, t @ s1 @ t, 10**4))
    expected = (s1.trace() + (t @ s1 @ t).trace() - 2 * (t @ s1).trace()).item()
    assert result.path == "cholesky"
    assert not result.rank_deficient
    assert result.value == pytest.approx(expected, rel=ORACLE)


def test_a_rotation_of_the_feature_space_changes_nothing() -> None:
    x, y = features(300, 12, 0), features(300, 12, 1)
    q = torch.linalg.qr(features(12, 12, 2)).Q
    assert frechet_distance(x @ q, y @ q).value == pytest.approx(frechet_distance(x, y).value, rel=ORACLE)


@pytest.mark.parametrize("n", [5, 40, 64])
def test_fewer_images_than_dimensions_against_the_nuclear_norm(n: int) -> None:
    x, y = features(n, 64, 0), features(200, 64, 1)
    result = frechet_distance(x, y)
    a, b = ((z - z.mean(0)) / (len(z) - 1) ** 0.5 for z in (x, y))
    nuclear = torch.linalg.svdvals(a @ b.T).sum()
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + (a**2).sum() + (b**2).sum() - 2 * nuclear
    assert (result.path, result.rank_deficient) == ("gram", True)
    assert result.value == pytest.approx(expected.item(), rel=ORACLE)


def test_a_reference_without_a_cholesky_factor_goes_by_eigenvalues() -> None:
    x = features(300, 12, 0)
    flat = x.clone()
    flat[:, 3:] = 0
    result = frechet_distance(x, flat)
    a, b = ((z - z.mean(0)) / (len(z) - 1) ** 0.5 for z in (x, flat))
    expected = (
        ((x.mean(0) - flat.mean(0)) ** 2).sum() + (a**2).sum() + (b**2).sum() - 2 * torch.linalg.svdvals(a @ b.T).sum()
    )
    assert result.path == "eigh"
    assert result.value == pytest.approx(expected.item(), rel=1e-7)  # square roots of eigenvalues of about 1e-17


@pytest.mark.parametrize("n", [30, 200])
def test_a_reference_of_fewer_images_than_dimensions_has_a_thin_root(n: int) -> None:
    x, y = features(n, 64, 0), features(20, 64, 1)
    found = reference(y)
    assert (found.path, tuple(found.root.shape)) == ("gram", (64, 20))
    torch.testing.assert_close(found.root @ found.root.T, gaussian(y).cov)
    a, b = ((z - z.mean(0)) / (len(z) - 1) ** 0.5 for z in (x, y))
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + (a**2).sum() + (b**2).sum()
    expected -= 2 * torch.linalg.svdvals(a @ b.T).sum()
    result = found.distance(x)
    assert (result.path, result.rank_deficient) == ("gram", True)
    # The mean takes one rank: square roots of an eigenvalue of about 1e-17.
    assert result.value == pytest.approx(expected.item(), rel=1e-7)


def test_the_distance_needs_no_scipy() -> None:
    """clean-fid calls scipy.linalg.sqrtm(disp=False), which SciPy 1.18 refuses."""
    program = (
        "import sys; sys.modules['scipy'] = sys.modules['scipy.linalg'] = None; import torch; "
        "from bench.metrics.frechet import frechet_distance; "
        "x = torch.arange(20.0).view(5, 4) ** 2; print(frechet_distance(x + 1, x).value)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert float(done.stdout) == pytest.approx(4, abs=1e-6)


def test_it_equals_clean_fids_own_function(monkeypatch: pytest.MonkeyPatch) -> None:
    from cleanfid import fid

    sqrtm = scipy.linalg.sqrtm
    # clean-fid calls sqrtm(disp=False) for a pair; SciPy 1.18 has no `disp` any more.
    monkeypatch.setattr(fid.linalg, "sqrtm", lambda matrix, disp=True: (sqrtm(matrix), 0.0))
    x, y = features(400, 48, 0), features(500, 48, 1)
    moments = [part for z in (x, y) for part in (np.mean(z.numpy(), axis=0), np.cov(z.numpy(), rowvar=False))]
    assert frechet_distance(x, y).value == pytest.approx(float(fid.frechet_distance(*moments)), rel=CLEANFID)


def test_it_equals_torch_fidelitys_function_of_the_same_features() -> None:
    x, y = features(400, 48, 0), features(500, 48, 1)
    theirs = fid_statistics_to_metric(fid_features_to_statistics(x), fid_features_to_statistics(y), verbose=False)
    assert frechet_distance(x, y).value == pytest.approx(theirs["frechet_inception_distance"], rel=ORACLE)


def test_scatters_of_parts_add_up_and_are_taken_out_again() -> None:
    x = features(1000, 16, 0) + 1e4  # far from zero: sums of squares would cancel
    added = reduce(add, (scatter_of(part) for part in x.split(37)))
    rest = added - scatter_of(x, np.arange(650, 1000))
    for found, expected in ((added.gaussian(), x), (rest.gaussian(), x[:650])):
        torch.testing.assert_close(found.mean, expected.mean(0), rtol=1e-12, atol=0)
        torch.testing.assert_close(found.cov, expected.T.cov(), rtol=1e-8, atol=1e-10)
        assert found.count == len(expected)


def test_a_scatter_is_read_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    x, chosen = features(300, 16, 0), np.random.default_rng(0).permutation(300)[:250]
    whole = scatter_of(x, chosen)
    monkeypatch.setattr(frechet, "ROWS_AT_ONCE", 17)
    torch.testing.assert_close(scatter_of(x, chosen).scatter, whole.scatter, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(whole.gaussian().cov, x[chosen].T.cov(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("d", [1, 7, 40, 81])
def test_gram_is_the_product(d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frechet, "SMALLEST_GRAM", 10)
    x = features(50, d, 0)
    torch.testing.assert_close(gram(x), x.T @ x, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("n", "d"), [(400, 24), (60, 24), (30, 24), (20, 24)])
@pytest.mark.parametrize("part", [0.3, 0.5, 0.6, 0.95, 1.0])
def test_a_subsets_distance_is_that_of_its_features(n: int, d: int, part: float) -> None:
    """Of all paths: of the subset's own scatter, of the whole's less the others', of a thin factor."""
    x, real = features(n, d, 0), reference(features(500, d, 1))
    chosen = np.random.default_rng(0).permutation(n)[: round(part * n)]
    found, expected = Subsets(x, real).distance(chosen), real.distance(x[chosen])
    assert found.value == pytest.approx(expected.value, rel=ORACLE)
    assert (found.path, found.rank_deficient) == (expected.path, expected.rank_deficient)


def test_float32_features_are_compared_in_float64() -> None:
    x = features(300, 8, 0, torch.float32)
    assert gaussian(x).cov.dtype == gaussian(x).mean.dtype == torch.float64
    y = features(300, 8, 1, torch.float32)
    assert frechet_distance(x, y).value == frechet_distance(x.double(), y.double()).value
