"""Our U-Net with the weights of denoising-diffusion-pytorch's, by the key mapping that the parity tests check."""

from torch import nn

from sfddm.imports.lucidrains import translate
from sfddm.unet import UNet, UNetConfig


def copy_from_library(library: nn.Module, config: UNetConfig) -> UNet:
    """Return our U-Net with the library's weights."""
    network = UNet(config)
    network.load_state_dict(translate(library.state_dict(), network.state_dict(), "the library's own"))
    return network
