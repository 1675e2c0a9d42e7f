"""CLIP (Radford et al. 2021) image embeddings of unit length, for CMMD (Jayasumana et al., CVPR 2024).

As in CMMD's own code: ViT-L/14 at 336 pixels, images resized by Pillow's bicubic filter and rounded to 8 bits.
"""

import re
from math import isqrt
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from bench.metrics.declared import Extract
from bench.metrics.vision_transformer import Block, as_tokens, depth_of, filled, in_parts, network_in, normalised

MEAN, SD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # of CLIP's training images

# From the published names of the image network's tensors to those of our blocks.
RENAMED = {
    "ln_1": "norm1",
    "attn.in_proj_": "attn.qkv.",
    "attn.out_proj": "attn.proj",
    "ln_2": "norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}


class ImageNetwork(nn.Module):
    """CLIP's network for images: normalised (N,3,side,side) to embeddings (N,embedded). grid: patches a side."""

    def __init__(self, width: int, depth: int, patch: int, grid: int, embedded: int):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros(1 + grid**2, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList(Block(width, quick_gelu, 1e-5, scaled=False) for _ in range(depth))
        self.proj = nn.Parameter(torch.zeros(width, embedded))
        self.side = patch * grid

    def forward(self, x: Tensor) -> Tensor:
        """Return the class token's embedding."""
        x = self.ln_pre(as_tokens(self.conv1(x), self.class_embedding) + self.positional_embedding)
        for block in self.blocks:
            x = block(x)
        return self.ln_post(x[:, 0]) @ self.proj


def quick_gelu(x: Tensor) -> Tensor:
    """Return CLIP's own approximation of GELU."""
    return x * torch.sigmoid(1.702 * x)


def network_of(tensors: dict[str, Tensor]) -> ImageNetwork:
    """Return the image network of CLIP's tensors by their published names, float16 or float32.

    Raises KeyError or ValueError if they are none.
    """
    images = {_renamed(name[7:]): value for name, value in tensors.items() if name.startswith("visual.")}
    width, embedded = images["proj"].shape
    patch, places = images["conv1.weight"].shape[-1], images["positional_embedding"].shape[0] - 1
    depth = depth_of(images, r"blocks\.(\d+)\.")
    network = filled(lambda: ImageNetwork(width, depth, patch, isqrt(places), embedded), images)
    assert isinstance(network, ImageNetwork)
    return network


def _renamed(name: str) -> str:
    """Return our name of a tensor: `transformer.resblocks.3.ln_1.weight` is `blocks.3.norm1.weight`."""
    block = re.match(r"transformer\.resblocks\.(\d+)\.(.+)", name)
    if block is None:
        return name
    inner = block[2]
    for published, own in RENAMED.items():
        inner = inner.replace(published, own)
    return f"blocks.{block[1]}.{inner}"


def load(path: Path, device: str) -> Extract:
    """Return the embeddings, of unit length, of uint8 images (N,C,H,W) by a weight file, on a device.

    Raises InputError.
    """
    network = network_in(path, network_of, "CLIP")
    assert isinstance(network, ImageNetwork)
    network = network.to(device)

    def embeddings(pixels: Tensor) -> Tensor:
        return F.normalize(network(normalised(pixels, network.side, MEAN, SD, device)), dim=1)

    return lambda pixels: (in_parts(pixels, embeddings), None)
