"""The diffusion core against closed forms."""

import pytest
import torch
from helpers.closed_forms import noise_levels

from sfddm.denoiser import Output, express, q_sample, read

ROUND_TRIP = 1e-9  # float64, two divisions by alpha or sigma as small as 5e-4


@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
def test_reading_a_prediction_inverts_expressing_it(prediction: str) -> None:
    alpha_bar = noise_levels("sigmoid", 1024)[[0, 10, 500, 1000, 1023]]
    x0, eps = torch.randn(2, 5, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = q_sample(x0, eps, alpha_bar)
    output = read(express(Output(x0, eps), alpha_bar, prediction), x, alpha_bar, prediction)
    torch.testing.assert_close(output.x0, x0, atol=ROUND_TRIP, rtol=0)
    torch.testing.assert_close(output.eps, eps, atol=ROUND_TRIP, rtol=0)


def test_clipping_re_derives_eps_so_that_the_noisy_image_is_kept() -> None:
    alpha_bar = torch.full((3,), 0.3, dtype=torch.float64)
    x, raw = torch.randn(2, 3, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 3
    output = read(raw, x, alpha_bar, "eps", clip=True)
    assert output.x0.abs().max() <= 1
    torch.testing.assert_close(q_sample(output.x0, output.eps, alpha_bar), x)


def test_q_sample_has_the_moments_of_the_forward_process() -> None:
    n, level = 200_000, 0.37
    x0 = torch.full((n, 1, 1, 1), 0.5)
    eps = torch.randn(n, 1, 1, 1, generator=torch.Generator().manual_seed(2))
    x = q_sample(x0, eps, torch.full((n,), level, dtype=torch.float64))
    # Standard errors: sqrt(0.63 / n) = 0.0018 for the mean, 0.63 sqrt(2 / n) = 0.0020 for the variance; five of each.
    assert abs(x.mean().item() - 0.5 * level**0.5) < 0.009
    assert abs(x.var().item() - (1 - level)) < 0.010
