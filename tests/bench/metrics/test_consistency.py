"""PSNR and SSIM against scikit-image; the scale of unrelated pairs."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bench.metrics.consistency import consistency, psnr, ssim

GENERATOR = torch.Generator().manual_seed(0)


def images(n: int, channels: int, side: int) -> torch.Tensor:
    coarse = torch.rand(n, channels, 4, 4, generator=GENERATOR)
    smooth = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")
    return (smooth * 255).round().to(torch.uint8)


def noisy(pixels: torch.Tensor, amount: float) -> torch.Tensor:
    noise = amount * torch.randn(pixels.shape, generator=GENERATOR)
    return (pixels.float() + noise).round().clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize(("channels", "side"), [(3, 32), (3, 11)])
def test_psnr_and_ssim_are_scikit_images(channels: int, side: int) -> None:
    x = images(4, channels, side)
    y = noisy(x, 12)
    for k in range(len(x)):
        one, other = x[k].numpy(), y[k].numpy()
        assert psnr(x, y)[k].item() == pytest.approx(peak_signal_noise_ratio(one, other, data_range=255), rel=1e-12)
        _, full = structural_similarity(
            one,
            other,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=0,
            full=True,
        )
        # scikit-image reflects at the border; where the whole window fits there is no border.
        assert ssim(x, y)[k].item() == pytest.approx(full[:, 5 : side - 5, 5 : side - 5].mean(), abs=1e-6)


def test_ssim_of_images_smaller_than_the_window_takes_the_largest_odd_one_that_fits() -> None:
    x = images(1, 1, 8)
    y = noisy(x, 12)
    one, other = x[0, 0].double().numpy(), y[0, 0].double().numpy()

    def smooth(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values, 1.5, radius=3)[3:5, 3:5]  # seven pixels fit twice in eight

    means = smooth(one), smooth(other)
    variances = smooth(one**2) - means[0] ** 2 + smooth(other**2) - means[1] ** 2
    covariance = smooth(one * other) - means[0] * means[1]
    c1, c2 = 2.55**2, 7.65**2
    expected = (2 * means[0] * means[1] + c1) * (2 * covariance + c2)
    expected /= (means[0] ** 2 + means[1] ** 2 + c1) * (variances + c2)
    assert ssim(x, y).item() == pytest.approx(expected.mean(), rel=1e-9)


def test_identical_images_are_counted_and_unrelated_ones_give_the_scale() -> None:
    x = images(6, 3, 32)
    y = noisy(x, 10)
    y[0] = x[0]
    features = torch.randn(6, 40, generator=GENERATOR)
    result = consistency(x, y, features, features + 0.1 * torch.randn(6, 40, generator=GENERATOR))
    assert result.identical == 1
    assert result.psnr == pytest.approx(psnr(x[1:], y[1:]).mean().item())
    assert result.psnr > result.psnr_unrelated + 10
    assert result.ssim > result.ssim_unrelated + 0.2
    assert result.cosine > 0.95 > 0.5 > result.cosine_unrelated
    same = consistency(x, x, features, features)
    assert (same.psnr, same.identical, same.ssim) == (None, 6, 1.0)
