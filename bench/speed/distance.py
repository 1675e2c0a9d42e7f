"""The Frechet distance of two Gaussians, from their means and covariances: one unit is one distance."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from bench.metrics.frechet import Gaussian, gaussian, reference_of
from bench.speed.contestants import AGAIN, CLEAN_FID, OURS, PYTORCH_FID, Part, SetUp, Work, part_of


def distance_part(dimension: int) -> Part:
    """Return the comparison of the Frechet distance."""
    builders = {OURS: ours, AGAIN: ours, CLEAN_FID: clean_fid, PYTORCH_FID: pytorch_fid}
    return part_of(f"Frechet distance, d = {dimension}", "distances/s", 1, builders)


def gaussians(setup: SetUp) -> tuple[Gaussian, Gaussian]:
    """Return two Gaussians of full rank, of correlated random features with eigenvalues that fall off as 1/k."""
    d, generator = setup.dimension, torch.Generator().manual_seed(0)
    scale = torch.arange(1, d + 1).rsqrt().double()
    mix = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64))[0]

    def features(shift: float) -> Tensor:
        return (torch.randn(2 * d, d, generator=generator, dtype=torch.float64) * scale + shift / d) @ mix

    return gaussian(features(0.0)), gaussian(features(1.0))


def ours(setup: SetUp) -> Work:
    """Ours, on the device; the root of the reference is found anew for every distance."""
    one, other = (Gaussian(g.mean.to(setup.device), g.cov.to(setup.device), g.count) for g in gaussians(setup))

    def call(distances: int) -> float:
        for _ in range(distances):
            value = reference_of(other).distance_of_gaussian(one).value
        return value

    return Work(call)


def clean_fid(setup: SetUp) -> Work:
    """clean-fid's function."""
    from cleanfid.fid import frechet_distance

    return _of_moments(frechet_distance, setup)


def pytorch_fid(setup: SetUp) -> Work:
    """pytorch-fid's function."""
    from pytorch_fid.fid_score import calculate_frechet_distance

    return _of_moments(calculate_frechet_distance, setup)


def _of_moments(distance: Callable[..., float], setup: SetUp) -> Work:
    one, other = gaussians(setup)
    moments = (one.mean.numpy(), one.cov.numpy(), other.mean.numpy(), other.cov.numpy())

    def call(distances: int) -> float:
        with warnings.catch_warnings():  # SciPy's, of the argument that it has deprecated
            warnings.simplefilter("ignore")
            for _ in range(distances):
                value = float(distance(*moments))
        return value

    return Work(call)
