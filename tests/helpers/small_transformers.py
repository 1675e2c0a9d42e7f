"""Weight files of the form of DINOv2's and CLIP's, small and random; distances in their features mean nothing."""

from pathlib import Path

import torch
from torch import Tensor

from bench.metrics import clip, dinov2

WIDTH, DEPTH, PATCH = 64, 2, 14


def drawn(network: torch.nn.Module, seed: int = 0) -> dict[str, Tensor]:
    """Return a network's tensors, drawn so that each of them matters."""
    draw = torch.Generator().manual_seed(seed)
    return {
        name: torch.empty(value.shape).normal_(0, 0.2, generator=draw) for name, value in network.state_dict().items()
    }


def dinov2_tensors(grid: int = 16, seed: int = 0) -> dict[str, Tensor]:
    """Return the state dict of a small DINOv2, under the published names."""
    network = dinov2.DINOv2(WIDTH, DEPTH, PATCH, grid)
    return drawn(network, seed) | {"mask_token": torch.zeros(1, WIDTH)}


def clip_tensors(side: int = 28, seed: int = 0) -> dict[str, Tensor]:
    """Return the state dict of a small CLIP's image network, under the published names, and of a part of its text's."""
    network = clip.ImageNetwork(WIDTH, DEPTH, PATCH, side // PATCH, embedded=32)
    published = {own: name for name, own in clip.RENAMED.items()}
    tensors = {"logit_scale": torch.ones(()), "ln_final.weight": torch.ones(32)}
    for name, value in drawn(network, seed).items():
        renamed = name.replace("blocks.", "transformer.resblocks.")
        for own, theirs in published.items():
            renamed = renamed.replace(own, theirs)
        tensors[f"visual.{renamed}"] = value
    return tensors


def write(path: Path, tensors: dict[str, Tensor]) -> Path:
    """Write a state dict and return its path."""
    torch.save(tensors, path)
    return path


class Scripted(torch.nn.Module):
    """Modules of tensors under dotted names, which can be saved as TorchScript."""

    def __init__(self, tensors: dict[str, Tensor]):
        super().__init__()
        inner = {name.partition(".")[0] for name in tensors if "." in name}
        for name, value in tensors.items():
            if "." not in name:
                self.register_buffer(name, value)
        for name in sorted(inner):
            own = {full.partition(".")[2]: value for full, value in tensors.items() if full.startswith(f"{name}.")}
            self.add_module(name, Scripted(own))

    def forward(self, x: Tensor) -> Tensor:
        return x
