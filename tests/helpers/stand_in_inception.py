"""A small scripted network with the interface of clean-fid's Inception-2015 file; its numbers are no FID."""

from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class StandIn(nn.Module):
    """`layers`: normalised images (N,3,299,299) to features (N,2048); `output`: to logits; `forward` resizes itself."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.AdaptiveAvgPool2d(6), nn.Flatten(), nn.Linear(108, 2048), nn.ReLU())
        self.output = nn.Linear(2048, 1008)

    def forward(self, x: Tensor, return_features: bool = False) -> Tensor:
        x = F.interpolate(x, size=[299, 299], mode="bilinear", align_corners=False)
        features = self.layers((x - 128) / 128)
        return features if return_features else self.output(features).softmax(1)


def write_stand_in(path: Path) -> Path:
    """Write the stand-in as a TorchScript file and return its path."""
    torch.jit.script(StandIn().eval()).save(str(path))
    return path
