"""DINOv2 (Oquab et al. 2023) features, for FD-DINOv2 (Stein et al., NeurIPS 2023): its class token's, after the norm.

As in FD-DINOv2's own code, images are resized to 224x224 by Pillow's bicubic filter, rounded to 8 bits, and normalised
as ImageNet's. ViT-L/14 is what FD-DINOv2 is published with.
"""

from math import isqrt
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from bench.metrics.declared import Extract
from bench.metrics.network_files import DINOV2_SIDE as SIDE
from bench.metrics.vision_transformer import Block, as_tokens, depth_of, filled, in_parts, network_in, normalised

MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's
OFFSET = 0.1  # patches; DINO's, kept for the published weights, so that positions are spaced a little closer


class DINOv2(nn.Module):
    """The network: normalised images (N,3,H,W), of whole patches, to features (N,width). grid: positions a side."""

    def __init__(self, width: int, depth: int, patch: int, grid: int):
        super().__init__()
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, patch, patch)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + grid**2, width))
        self.blocks = nn.ModuleList(Block(width, F.gelu, 1e-6, scaled=True) for _ in range(depth))
        self.norm = nn.LayerNorm(width, 1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Return the class token's features."""
        patches = self.patch_embed["proj"](x)
        x = as_tokens(patches, self.cls_token[0, 0]) + positions(self.pos_embed, patches.shape[2])
        for block in self.blocks:
            x = block(x)
        return self.norm(x[:, 0])


def positions(embedding: Tensor, side: int) -> Tensor:
    """Return the position embedding (1,1+side^2,width) for so many patches a side, from one (1,1+grid^2,width)."""
    grid = isqrt(embedding.shape[1] - 1)
    if grid == side:
        return embedding
    first, rest = embedding.split([1, grid**2], 1)
    square = rest.view(1, grid, grid, -1).permute(0, 3, 1, 2)
    scale = (side + OFFSET) / grid
    square = F.interpolate(square, scale_factor=(scale, scale), mode="bicubic")
    return torch.cat([first, square.flatten(2).transpose(1, 2)], 1)


def network_of(tensors: dict[str, Tensor]) -> nn.Module:
    """Return the network of a state dict as it was published. Raises KeyError or ValueError if it is none."""
    kept = {name: value for name, value in tensors.items() if name != "mask_token"}  # which only training needs
    width, places = kept["cls_token"].shape[-1], kept["pos_embed"].shape[1] - 1
    patch, depth = kept["patch_embed.proj.weight"].shape[-1], depth_of(kept, r"blocks\.(\d+)\.")
    return filled(lambda: DINOv2(width, depth, patch, isqrt(places)), kept)


def load(path: Path, device: str) -> Extract:
    """Return the features of uint8 images (N,C,H,W) by a weight file, on a device. Raises InputError."""
    network = network_in(path, network_of, "DINOv2").to(device)
    return lambda pixels: (in_parts(pixels, lambda part: network(normalised(part, SIDE, MEAN, SD, device))), None)
