"""The Inception-2015 network of the FID literature as a plain module.

It is TensorFlow's graph of 2015, which differs from torchvision's Inception v3: average pools do not count the padding,
the last block pools by maximum, there are 1008 classes, and the batch norms have no scale. Szegedy et al. 2016,
"Rethinking the Inception Architecture for Computer Vision"; Heusel et al. 2017 for its use in FID.

Modules and tensors are named as in NVIDIA's conversion of that graph, the file that clean-fid downloads, so that its
weights fit by name and shape.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

FEATURES = 2048
CLASSES = 1008
SIDE = 299
BATCH_NORM_EPS = 1e-3


class Convolution(nn.Module):
    """A convolution without bias, batch norm with its running statistics and no scale, ReLU."""

    def __init__(self, before: int, after: int, kernel: int | tuple[int, int], stride: int = 1, padded: bool = False):
        super().__init__()
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        self.stride, self.padding = stride, (height // 2, width // 2) if padded else (0, 0)
        self.eps = BATCH_NORM_EPS
        for name, value in (
            ("weight", torch.zeros(after, before, height, width)),
            ("beta", torch.zeros(after)),
            ("mean", torch.zeros(after)),
            ("var", torch.ones(after)),
        ):
            self.register_buffer(name, value)

    weight: Tensor
    beta: Tensor
    mean: Tensor
    var: Tensor

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.weight, stride=self.stride, padding=self.padding)
        return F.batch_norm(x, self.mean, self.var, bias=self.beta, eps=self.eps).relu()


def average_pool() -> nn.Module:
    """Return the 3x3 average of each pixel's neighbours, of those that are in the image."""
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)


def tower(*convolutions: Convolution, pool: nn.Module | None = None) -> nn.Sequential:
    """Return a branch: convolutions one after the other, after a pool if there is one."""
    named: list[tuple[str, nn.Module]] = [("pool", pool)] if pool is not None else []
    named += [("conv" if k == 0 else f"conv_{k}", convolution) for k, convolution in enumerate(convolutions)]
    return nn.Sequential(OrderedDict(named))


class Side(nn.Sequential):
    """Branches beside each other, their channels one after the other in the order given."""

    def __init__(self, **branches: nn.Module):
        super().__init__(OrderedDict(branches))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self], 1)


def block_a(before: int, pooled: int) -> Side:
    """Return a block on 35x35 pixels: (N,before,35,35) -> (N,224 + pooled,35,35)."""
    return Side(
        conv=Convolution(before, 64, 1),
        tower=tower(Convolution(before, 48, 1), Convolution(48, 64, 5, padded=True)),
        tower_1=tower(
            Convolution(before, 64, 1), Convolution(64, 96, 3, padded=True), Convolution(96, 96, 3, padded=True)
        ),
        tower_2=tower(Convolution(before, pooled, 1), pool=average_pool()),
    )


def block_b(before: int) -> Side:
    """Return the block that halves the side: (N,before,35,35) -> (N,480 + before,17,17)."""
    return Side(
        conv=Convolution(before, 384, 3, stride=2),
        tower=tower(Convolution(before, 64, 1), Convolution(64, 96, 3, padded=True), Convolution(96, 96, 3, stride=2)),
        pool=nn.MaxPool2d(3, stride=2),
    )


def block_c(before: int, inner: int) -> Side:
    """Return a block on 17x17 pixels, its 7x7 kernels as rows and columns: (N,before,17,17) -> (N,768,17,17)."""
    row, column = (1, 7), (7, 1)
    return Side(
        conv=Convolution(before, 192, 1),
        tower=tower(
            Convolution(before, inner, 1),
            Convolution(inner, inner, row, padded=True),
            Convolution(inner, 192, column, padded=True),
        ),
        tower_1=tower(
            Convolution(before, inner, 1),
            Convolution(inner, inner, column, padded=True),
            Convolution(inner, inner, row, padded=True),
            Convolution(inner, inner, column, padded=True),
            Convolution(inner, 192, row, padded=True),
        ),
        tower_2=tower(Convolution(before, 192, 1), pool=average_pool()),
    )


def block_d(before: int) -> Side:
    """Return the second block that halves the side: (N,before,17,17) -> (N,512 + before,8,8)."""
    return Side(
        tower=tower(Convolution(before, 192, 1), Convolution(192, 320, 3, stride=2)),
        tower_1=tower(
            Convolution(before, 192, 1),
            Convolution(192, 192, (1, 7), padded=True),
            Convolution(192, 192, (7, 1), padded=True),
            Convolution(192, 192, 3, stride=2),
        ),
        pool=nn.MaxPool2d(3, stride=2),
    )


class BlockE(nn.Module):
    """A block on 8x8 pixels, two of whose branches part once more: (N,before,8,8) -> (N,2048,8,8)."""

    def __init__(self, before: int, pool: nn.Module):
        super().__init__()
        row, column = (1, 3), (3, 1)
        self.conv = Convolution(before, 320, 1)
        self.tower_conv = Convolution(before, 384, 1)
        self.tower_mixed_conv = Convolution(384, 384, row, padded=True)
        self.tower_mixed_conv_1 = Convolution(384, 384, column, padded=True)
        self.tower_1_conv = Convolution(before, 448, 1)
        self.tower_1_conv_1 = Convolution(448, 384, 3, padded=True)
        self.tower_1_mixed_conv = Convolution(384, 384, row, padded=True)
        self.tower_1_mixed_conv_1 = Convolution(384, 384, column, padded=True)
        self.tower_2_pool = pool
        self.tower_2_conv = Convolution(before, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        one, other = self.tower_conv(x), self.tower_1_conv_1(self.tower_1_conv(x))
        branches = [
            self.conv(x),
            self.tower_mixed_conv(one),
            self.tower_mixed_conv_1(one),
            self.tower_1_mixed_conv(other),
            self.tower_1_mixed_conv_1(other),
            self.tower_2_conv(self.tower_2_pool(x)),
        ]
        return torch.cat(branches, 1)


class InceptionNetwork(nn.Module):
    """layers: float32 images (N,3,299,299) in -1..1 -> (N,2048,1,1); called on images of any side in 0..255 it resizes.

    With `return_features` it returns the features (N,2048), else the probabilities (N,1008).
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[tuple[str, nn.Module]] = [
            ("conv", Convolution(3, 32, 3, stride=2)),
            ("conv_1", Convolution(32, 32, 3)),
            ("conv_2", Convolution(32, 64, 3, padded=True)),
            ("pool0", nn.MaxPool2d(3, stride=2)),
            ("conv_3", Convolution(64, 80, 1)),
            ("conv_4", Convolution(80, 192, 3)),
            ("pool1", nn.MaxPool2d(3, stride=2)),
            ("mixed", block_a(192, 32)),
            ("mixed_1", block_a(256, 64)),
            ("mixed_2", block_a(288, 64)),
            ("mixed_3", block_b(288)),
            ("mixed_4", block_c(768, 128)),
            ("mixed_5", block_c(768, 160)),
            ("mixed_6", block_c(768, 160)),
            ("mixed_7", block_c(768, 192)),
            ("mixed_8", block_d(768)),
            ("mixed_9", BlockE(1280, average_pool())),
            ("mixed_10", BlockE(FEATURES, nn.MaxPool2d(3, stride=1, padding=1))),
            ("pool2", nn.AvgPool2d(8)),
        ]
        self.layers = nn.Sequential(OrderedDict(layers))
        self.output = nn.Linear(FEATURES, CLASSES)
        self.requires_grad_(False)

    def forward(self, x: Tensor, return_features: bool = False) -> Tensor:
        features = self.layers((resized_as_tensorflow(x) - 128) / 128).reshape(len(x), FEATURES)
        return features if return_features else self.output(features).softmax(1)


def resized_as_tensorflow(x: Tensor) -> Tensor:
    """Return images (N,3,H,W) as TensorFlow 1's `resize_bilinear` makes them: (N,3,299,299), corners not aligned.

    Pixel i of the result is read at i H/299; torch's own `interpolate` reads it at (i + 1/2) H/299 - 1/2. A grid of
    places, its shift in float32, is how NVIDIA's conversion does it, whose rounding the features have.
    """
    height, width = x.shape[2:]
    places = torch.eye(2, 3, dtype=x.dtype, device=x.device)
    for axis, side in enumerate((width, height)):
        places[axis, 2] = places[axis, axis] / side - places[axis, axis] / SIDE
    grid = F.affine_grid(places.expand(len(x), 2, 3), [len(x), x.shape[1], SIDE, SIDE], align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def network_of(weights: dict[str, Tensor]) -> InceptionNetwork:
    """Return the network with these weights, in evaluation mode. Raises ValueError naming what does not fit."""
    network = InceptionNetwork()
    wanted = network.state_dict()
    for name, value in wanted.items():
        if name not in weights:
            raise ValueError(f"it has no tensor '{name}'")
        if weights[name].shape != value.shape or weights[name].dtype != value.dtype:
            found = f"{tuple(weights[name].shape)} of {weights[name].dtype}"
            raise ValueError(f"its tensor '{name}' is {found}, {tuple(value.shape)} of {value.dtype} is needed")
    if more := sorted(set(weights) - set(wanted)):
        raise ValueError(f"its tensor '{more[0]}' is not in the network")
    network.load_state_dict(weights)
    return network.eval()
