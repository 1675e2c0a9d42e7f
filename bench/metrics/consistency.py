"""Semantic consistency: how near a method's image is to the teacher's image of the same latent.

Each measure stands beside its value for unrelated pairs, which is the scale it is to be read on.
"""

from typing import TYPE_CHECKING, Annotated

from bench.config.numbers import Count, Finite, PositiveCount, Similarity
from bench.metrics.shown import Section, Shown

if TYPE_CHECKING:
    from torch import Tensor

PEAK = 255.0
WINDOW, SIGMA = 11, 1.5  # Wang et al. 2004; the largest odd window that fits a smaller image
K1, K2 = 0.01, 0.03


class Consistency(Section):
    """Means over images, each beside its value for unrelated pairs; PSNR of the mean squared error per image.

    identical: images equal to the teacher's in every pixel; their PSNR is infinite, and left out of the mean, which is
    None if every pair is identical.
    """

    psnr: Annotated[
        Finite | None, Shown("consistency with the teacher, PSNR", "dB", "higher", 1, beside="psnr_unrelated")
    ]
    ssim: Annotated[
        Similarity, Shown("consistency with the teacher, SSIM", "-1 to 1", "higher", 3, beside="ssim_unrelated")
    ]
    cosine: Annotated[
        Similarity,
        Shown("consistency with the teacher, cosine{space}", "-1 to 1", "higher", 3, beside="cosine_unrelated"),
    ]
    psnr_unrelated: Finite | None
    ssim_unrelated: Similarity
    cosine_unrelated: Similarity
    identical: Count
    images: PositiveCount


def consistency(images: "Tensor", others: "Tensor", features: "Tensor", other_features: "Tensor") -> Consistency:
    """Return the consistency of uint8 images (n,C,H,W), n >= 2, and of features (n,d) with others on the same latents.

    Unrelated pairs are image k and the other's k + 1, the last with the first.
    """
    from torch.nn.functional import cosine_similarity  # which tables, that only read the declaration above, do without

    values = psnr(images, others)
    moved, moved_features = others.roll(-1, 0), other_features.roll(-1, 0)
    return Consistency(
        psnr=_finite_mean(values),
        ssim=ssim(images, others).mean().item(),
        cosine=cosine_similarity(features.double(), other_features.double()).mean().item(),
        psnr_unrelated=_finite_mean(psnr(images, moved)),
        ssim_unrelated=ssim(images, moved).mean().item(),
        cosine_unrelated=cosine_similarity(features.double(), moved_features.double()).mean().item(),
        identical=int((~values.isfinite()).sum()),
        images=len(images),
    )


def _finite_mean(values: "Tensor") -> float | None:
    finite = values[values.isfinite()]
    return finite.mean().item() if len(finite) else None


def psnr(images: "Tensor", others: "Tensor") -> "Tensor":
    """Return the peak signal-to-noise ratio (dB) of each pair of uint8 images (n,C,H,W): float64 (n,), inf if equal."""
    error = (images.double() - others.double()).square().mean((1, 2, 3))
    return 10 * (PEAK**2 / error).log10()


def ssim(images: "Tensor", others: "Tensor") -> "Tensor":
    """Return the structural similarity of each pair of uint8 images (n,C,H,W): float64 (n,), mean over channels.

    A Gaussian window of 11 pixels and sigma 1.5, population covariances, only at places that the whole window fits.
    """
    from torch.nn.functional import conv2d

    x, y = images.double().flatten(0, 1)[:, None], others.double().flatten(0, 1)[:, None]
    kernel = window(min(WINDOW, (min(x.shape[2:]) - 1) // 2 * 2 + 1))

    def smooth(values: "Tensor") -> "Tensor":
        return conv2d(conv2d(values, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))

    mean_x, mean_y = smooth(x), smooth(y)
    var_x, var_y = smooth(x * x) - mean_x**2, smooth(y * y) - mean_y**2
    covariance = smooth(x * y) - mean_x * mean_y
    c1, c2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (var_x + var_y + c2)
    return (luminance * structure).mean((1, 2, 3)).view(images.shape[:2]).mean(1)


def window(size: int) -> "Tensor":
    """Return the Gaussian window's weights (size,), float64, summing to 1."""
    import torch

    distance = torch.arange(size, dtype=torch.float64) - size // 2
    weights = (-(distance**2) / (2 * SIGMA**2)).exp()
    return weights / weights.sum()
