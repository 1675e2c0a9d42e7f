"""The U-Net against denoising-diffusion-pytorch 1.9.4."""

import subprocess
import sys

import pytest
import torch
from denoising_diffusion_pytorch import Unet
from helpers.lucidrains_weights import copy_from_library

from sfddm.imports.lucidrains import translate
from sfddm.unet import WORTH_FOLDING, Double, Halve, RMSNorm, UNet, UNetConfig, modulated, normed_conv, unit

FLOAT32 = 1e-5
FLOAT64 = 1e-12

AUTHORS = (UNetConfig(), {"dim": 64, "dim_mults": (1, 2, 4, 8), "channels": 3}, 32)
DIGITS = (
    UNetConfig(dim=16, dim_mults=(1, 2), channels=1, heads=2, head_dim=16),
    {"dim": 16, "dim_mults": (1, 2), "channels": 1, "attn_heads": 2, "attn_dim_head": 16},
    8,
)


@pytest.mark.parametrize(("config", "options", "pixels"), [AUTHORS, DIGITS], ids=["authors", "digits"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, FLOAT32), (torch.float64, FLOAT64)])
def test_output_and_hidden_map_equal_the_library(
    config: UNetConfig, options: dict, pixels: int, dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(0)
    library = Unet(**options)
    ours = copy_from_library(library, config).to(dtype)
    library = library.to(dtype)
    hidden: list[torch.Tensor] = []
    library.final_res_block.register_forward_hook(lambda *args: hidden.append(args[2]))
    x, t = torch.randn(2, config.channels, pixels, pixels, dtype=dtype), torch.tensor([3, 1000])
    with torch.no_grad():
        # The library's sinusoids are float32; in float64 they are cast, as its first linear layer would refuse them.
        library.time_mlp[0].register_forward_hook(lambda *args: args[2].to(dtype))
        expected = library(x, t)
        output, our_hidden = ours(x, t, return_hidden=True)
    scale = expected.abs().max().item()
    torch.testing.assert_close(output, expected, rtol=0, atol=tolerance * scale)
    torch.testing.assert_close(our_hidden, hidden[0], rtol=0, atol=tolerance * hidden[0].abs().max().item())
    assert torch.equal(ours(x, t), ours(x, t, return_hidden=True)[0])


def test_gradients_equal_the_library() -> None:
    config, options, pixels = DIGITS
    torch.manual_seed(0)
    library = Unet(**options)
    ours = copy_from_library(library, config)
    x, t = torch.randn(2, 1, pixels, pixels), torch.tensor([3, 1000])
    for network in (library, ours):
        network(x, t).square().mean().backward()
    gradients = {name: parameter.grad for name, parameter in library.named_parameters()}
    translated = translate(gradients, ours.state_dict(), "gradients")
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, translated[name], rtol=1e-3, atol=1e-6)


def test_authors_network_has_35_7_million_parameters() -> None:
    assert sum(parameter.numel() for parameter in UNet(UNetConfig()).parameters()) == 35_719_555


def both_ways(fast: torch.Tensor, plain: torch.Tensor, leaves: list[torch.Tensor]) -> None:
    """Compare the value of a faster form, and its gradient for every leaf, with the plain one's, in float64."""
    torch.testing.assert_close(fast, plain, rtol=FLOAT64, atol=FLOAT64)
    weight = torch.randn_like(plain)
    for one, other in zip(
        torch.autograd.grad((fast * weight).sum(), leaves, retain_graph=True),
        torch.autograd.grad((plain * weight).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)  # float64 sums of up to a thousand terms


def leaf(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("resample", [Double, Halve])
def test_a_resampling_in_one_convolution_equals_its_two_layers(resample: type[Double | Halve]) -> None:
    torch.manual_seed(0)
    layer, x = resample(3, 5).double(), leaf(WORTH_FOLDING // 16, 3, 4, 4)
    both_ways(layer(x), torch.nn.Sequential.forward(layer, x), [x, *layer.parameters()])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_modulated_norm_equals_scale_and_shift_after_the_norm(layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    norm, x, scale, shift = torch.nn.GroupNorm(8, 16).double(), leaf(4, 16, 6, 6), leaf(4, 16), leaf(4, 16)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    plain = norm(x) * (scale[:, :, None, None] + 1) + shift[:, :, None, None]
    fast = modulated(norm, x.contiguous(memory_format=layout), scale, shift)
    both_ways(fast, plain, [x, scale, shift, *norm.parameters()])


def test_a_norm_multiplied_into_a_convolution_equals_the_two() -> None:
    torch.manual_seed(0)
    norm, conv, x = RMSNorm(6).double(), torch.nn.Conv2d(6, 9, 1, bias=False).double(), leaf(3, 6, 4, 4)
    torch.nn.init.normal_(norm.gain)
    both_ways(unit(x), torch.nn.functional.normalize(x, dim=1), [x])
    both_ways(normed_conv(norm, conv, x), conv(norm(x)), [x, *norm.parameters(), *conv.parameters()])


def test_a_pixel_of_zeros_has_a_finite_norm_and_gradient() -> None:
    x = torch.zeros(1, 4, 2, 2, requires_grad=True)
    unit(x).sum().backward()
    assert x.grad is not None
    assert torch.equal(unit(x), torch.zeros_like(x))
    assert x.grad.isfinite().all()


def test_one_time_for_all_images_equals_a_time_for_each() -> None:
    torch.manual_seed(0)
    network, x = UNet(DIGITS[0]).double(), torch.randn(5, 1, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(
            network(x, torch.tensor([7])), network(x, torch.full((5,), 7)), rtol=FLOAT64, atol=FLOAT64
        )


def test_a_second_time_changes_nothing_until_it_is_trained() -> None:
    config = UNetConfig(dim=8, dim_mults=(1, 2), channels=1, heads=1, head_dim=8)
    plain, two = UNet(config), UNet(config.model_copy(update={"two_times": True}))
    missing = two.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert {name.split(".")[0] for name in missing} == {"span"}
    x, t = torch.randn(3, 1, 8, 8), torch.tensor([900, 500, 3])
    assert torch.equal(two(x, t, end=torch.tensor([899, 100, -1])), plain(x, t))
    assert torch.equal(two(x, t), plain(x, t))
    loss = two(x, t, end=torch.tensor([899, 100, -1])).square().mean()
    loss.backward()
    torch.optim.SGD(two.parameters(), lr=1.0).step()
    far, near = two(x, t, end=torch.tensor([100, 100, -1])), two(x, t, end=torch.tensor([899, 100, -1]))
    assert not torch.equal(far[0], near[0])
    assert torch.equal(far[1:], near[1:])


def test_shapes_are_known_without_importing_sympy() -> None:
    """A dry run asks them, and to import sympy takes it half as long again as torch."""
    code = """
import sys
from sfddm import DenoiserSpec, UNetConfig
assert DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1, 2), channels=1)).shapes()
print("sympy" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n", said.stderr
