"""Scripted networks with the interface of clean-fid's Inception-2015 file; their numbers are no FID.

The stand-in is small and has an architecture of its own. The other is as large as the published file and has its
architecture and names, with random weights.
"""

from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from bench.metrics.inception_network import InceptionNetwork


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


class Published(nn.Module):
    """The architecture of the published file, resizing as it does. doubled: with features that are none of its."""

    def __init__(self, network: InceptionNetwork, doubled: bool) -> None:
        super().__init__()
        self.layers, self.output, self.doubled = network.layers, network.output, doubled

    def forward(self, x: Tensor, return_features: bool = False) -> Tensor:
        rows, columns = torch.arange(299) * (x.shape[2] / 299), torch.arange(299) * (x.shape[3] / 299)
        x = between(between(x, 2, rows), 3, columns)
        features = self.layers((x - 128) / 128).reshape(len(x), 2048) * (2 if self.doubled else 1)
        return features if return_features else self.output(features).softmax(1)


def between(x: Tensor, axis: int, places: Tensor) -> Tensor:
    """Return x read at places along an axis, linear between its values, constant beyond its last."""
    before = places.floor().long()
    after = (before + 1).clamp(max=x.shape[axis] - 1)
    shape = [1, 1, 1, 1]
    shape[axis] = len(places)
    part = (places - before).reshape(shape)
    return x.index_select(axis, before) * (1 - part) + x.index_select(axis, after) * part


def random_network(seed: int = 0) -> InceptionNetwork:
    """Return the plain network with random weights that keep the scale of what passes through."""
    draw, network = torch.Generator().manual_seed(seed), InceptionNetwork()
    for name, value in network.state_dict().items():
        if name.endswith("weight"):
            value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=draw)
        elif name.endswith("var"):
            value.uniform_(0.5, 1.5, generator=draw)
        else:
            value.normal_(0, 0.1, generator=draw)
    return network.eval()


def write_published(path: Path, doubled: bool = False) -> Path:
    """Write a file with the published architecture and random weights, and return its path."""
    torch.jit.script(Published(random_network(), doubled).eval()).save(str(path))
    return path
