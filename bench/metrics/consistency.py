"""Semantic consistency: how near a method's image is to the teacher's image of the same latent.

Each measure stands beside its value for unrelated pairs, which is the scale it is to be read on.
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

PEAK = 255.0
WINDOW, SIGMA = 11, 1.5  # Wang et al. 2004; the largest odd window that fits a smaller image
K1, K2 = 0.01, 0.03


@dataclass(frozen=True)
class Consistency:
    """Means over images: PSNR in dB (of the mean squared error per image), SSIM, cosine of features."""

    psnr: float | None  # null where every pair is identical
    ssim: float
    cosine: float
    psnr_unrelated: float | None
    ssim_unrelated: float
    cosine_unrelated: float
    identical: int  # images equal to the teacher's in every pixel; their PSNR is infinite, and left out of the mean
    images: int

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the fields by name."""
        return asdict(self)


def consistency(images: Tensor, others: Tensor, features: Tensor, other_features: Tensor) -> Consistency:
    """Return the consistency of uint8 images (n,C,H,W), n >= 2, with others on the same latents, and of their features (n,d).

    Unrelated pairs are image k and the other's k + 1, the last with the first.
    """
    values = psnr(images, others)
    moved, moved_features = others.roll(-1, 0), other_features.roll(-1, 0)
    return Consistency(
        psnr=_finite_mean(values),
        ssim=ssim(images, others).mean().item(),
        cosine=F.cosine_similarity(features.double(), other_features.double()).mean().item(),
        psnr_unrelated=_finite_mean(psnr(images, moved)),
        ssim_unrelated=ssim(images, moved).mean().item(),
        cosine_unrelated=F.cosine_similarity(features.double(), moved_features.double()).mean().item(),
        identical=int((~values.isfinite()).sum()),
        images=len(images),
    )


def _finite_mean(values: Tensor) -> float | None:
    finite = values[values.isfinite()]
    return finite.mean().item() if len(finite) else None


def psnr(images: Tensor, others: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio in dB of each pair of uint8 images (n,C,H,W): float64 (n,), inf where equal."""
    error = (images.double() - others.double()).square().mean((1, 2, 3))
    return 10 * torch.log10(PEAK**2 / error)


def ssim(images: Tensor, others: Tensor) -> Tensor:
    """Return the structural similarity of each pair of uint8 images (n,C,H,W): float64 (n,), mean over channels.

    A Gaussian window of 11 pixels and sigma 1.5, population covariances, only where the whole window fits.
    """
    x, y = images.double().flatten(0, 1)[:, None], others.double().flatten(0, 1)[:, None]
    kernel = window(min(WINDOW, (min(x.shape[2:]) - 1) // 2 * 2 + 1))

    def smooth(values: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(values, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))

    mean_x, mean_y = smooth(x), smooth(y)
    var_x, var_y = smooth(x * x) - mean_x**2, smooth(y * y) - mean_y**2
    covariance = smooth(x * y) - mean_x * mean_y
    c1, c2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (var_x + var_y + c2)
    return (luminance * structure).mean((1, 2, 3)).view(images.shape[:2]).mean(1)


def window(size: int) -> Tensor:
    """Return the Gaussian window's weights (size,), float64, summing to 1."""
    distance = torch.arange(size, dtype=torch.float64) - size // 2
    weights = torch.exp(-(distance**2) / (2 * SIGMA**2))
    return weights / weights.sum()
