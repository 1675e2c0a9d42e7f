"""The U-Net against denoising-diffusion-pytorch 1.9.4."""

import pytest
import torch
from denoising_diffusion_pytorch import Unet
from library import copy_from_library

from sfddm.import_lucidrains import translate
from sfddm.unet import UNet, UNetConfig

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
        # The library's sinusoids are float32; in float64 they are cast where its first linear layer would refuse them.
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
