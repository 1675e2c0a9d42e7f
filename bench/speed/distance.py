"""The Frechet distance of two Gaussians, from their means and covariances: one unit is one distance."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from bench.metrics.frechet import Gaussian, gaussian, reference_of
from bench.speed.contestants import Contest, Terms, Work
from bench.speed.names import AGAIN, CLEAN_FID, OURS, PYTORCH_FID


def distance_contest(terms: Terms) -> Contest:
    """Return the contest of the Frechet distance, in distances/s."""
    builders = {
        OURS: our_distance,
        AGAIN: our_distance,
        CLEAN_FID: clean_fid_distance,
        PYTORCH_FID: pytorch_fid_distance,
    }
    return Contest.of_installed(f"Frechet distance, d = {terms.dimension}", "distances/s", 1, builders)


def gaussians(terms: Terms) -> tuple[Gaussian, Gaussian]:
    """Return two Gaussians of full rank, of correlated random features with eigenvalues that fall off as 1/k."""
    d, generator = terms.dimension, torch.Generator().manual_seed(0)
    scale = torch.arange(1, d + 1).rsqrt().double()
    mix = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64))[0]

    def features(shift: float) -> Tensor:
        return (torch.randn(2 * d, d, generator=generator, dtype=torch.float64) * scale + shift / d) @ mix

    return gaussian(features(0.0)), gaussian(features(1.0))


def our_distance(terms: Terms) -> Work:
    """Return ours, on the device; the root of the reference is computed again for every distance."""
    one, other = (Gaussian(g.mean.to(terms.device), g.cov.to(terms.device), g.count) for g in gaussians(terms))

    def call(distances: int) -> float:
        for _ in range(distances):
            value = reference_of(other).distance_of_gaussian(one).value
        return value

    return Work(call)


def clean_fid_distance(terms: Terms) -> Work:
    """Return clean-fid's function."""
    from cleanfid.fid import frechet_distance

    return _of_moments(frechet_distance, terms)


def pytorch_fid_distance(terms: Terms) -> Work:
    """Return pytorch-fid's function."""
    from pytorch_fid.fid_score import calculate_frechet_distance

    return _of_moments(calculate_frechet_distance, terms)


def _of_moments(distance: Callable[..., float], terms: Terms) -> Work:
    one, other = gaussians(terms)
    moments = (one.mean.numpy(), one.cov.numpy(), other.mean.numpy(), other.cov.numpy())

    def call(distances: int) -> float:
        with warnings.catch_warnings():  # SciPy's, about an argument that it has deprecated
            warnings.simplefilter("ignore")
            for _ in range(distances):
                value = float(distance(*moments))
        return value

    return Work(call)
