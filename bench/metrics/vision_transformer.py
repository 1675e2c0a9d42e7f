"""What the vision transformers of published features share: blocks, images as they take them, and how files are read.

A network is a plain module under the names that its weights were published with, and as deep and wide as the tensors
of its file are.
"""

import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image
from torch import Tensor, nn

from bench.metrics.torchscript_archive import read_tensors
from sfddm.errors import InputError
from sfddm.words import on_one_line

HEAD = 64  # features of each attention head, in all of these networks
AT_ONCE = 64  # images: the widest layer of ViT-L/14 at 336 pixels takes 9 MiB for each


class Attention(nn.Module):
    """Self-attention of tokens (N,T,width), in heads of 64 features."""

    def __init__(self, width: int):
        super().__init__()
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return what each token gathers from all, (N,T,width)."""
        count, tokens, width = x.shape
        parts = self.qkv(x).view(count, tokens, 3, width // HEAD, HEAD)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        gathered = F.scaled_dot_product_attention(query, key, value)
        return self.proj(gathered.transpose(1, 2).reshape(count, tokens, width))


class Perceptron(nn.Module):
    """Two linear layers, four times as wide between them."""

    def __init__(self, width: int, activation: Callable[[Tensor], Tensor]):
        super().__init__()
        self.fc1, self.fc2, self.activation = nn.Linear(width, 4 * width), nn.Linear(4 * width, width), activation

    def forward(self, x: Tensor) -> Tensor:
        """Return (N,T,width)."""
        return self.fc2(self.activation(self.fc1(x)))


class Scale(nn.Module):
    """A learned factor for each feature."""

    def __init__(self, width: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return x times the factors."""
        return x * self.gamma


class Block(nn.Module):
    """Attention, then a perceptron, each of normalised tokens and added to them; scaled: by learned factors."""

    def __init__(self, width: int, activation: Callable[[Tensor], Tensor], epsilon: float, scaled: bool):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, epsilon), nn.LayerNorm(width, epsilon)
        self.attn, self.mlp = Attention(width), Perceptron(width, activation)
        self.ls1, self.ls2 = (Scale(width) if scaled else nn.Identity() for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens (N,T,width)."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


def as_tokens(patches: Tensor, first: Tensor) -> Tensor:
    """Return the tokens (N,1+h*w,width) of patches (N,width,h,w), row by row, after a first one (width,)."""
    rest = patches.flatten(2).transpose(1, 2)
    return torch.cat([first.expand(len(rest), 1, -1), rest], 1)


def depth_of(names: Iterable[str], pattern: str) -> int:
    """Return how many blocks a file's tensors are of; pattern: what the names of a block's begin with, and its number.

    Raises ValueError if they are of none.
    """
    found = {int(match[1]) for name in names if (match := re.match(pattern, name))}
    if found != set(range(len(found))) or not found:
        raise ValueError("it has no blocks, or not all of them")
    return len(found)


def filled(make: Callable[[], nn.Module], tensors: dict[str, Tensor]) -> nn.Module:
    """Return a network with a file's tensors as float32, in evaluation mode. Raises ValueError if they do not fit."""
    with torch.device("meta"):  # no numbers are drawn only to be replaced
        network = make()
    try:
        network.load_state_dict({name: value.float() for name, value in tensors.items()}, assign=True)
    except RuntimeError as error:
        raise ValueError(on_one_line(error, 120)) from None
    return network.requires_grad_(False).eval()


def network_in(path: Path, network_of: Callable[[dict[str, Tensor]], nn.Module], what: str) -> nn.Module:
    """Return the network of a weight file: a state dict, or TorchScript. Raises InputError; what: it should be of."""
    try:
        return network_of(_tensors(path))
    except OSError as error:
        raise InputError(f"--extractor-weights: '{path}' cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, IndexError, RuntimeError) as error:
        fault = f"it has no {error}" if isinstance(error, KeyError) else on_one_line(error, 120)
        raise InputError(f"--extractor-weights: '{path}' given, which is no weight file of {what}: {fault}") from None


def _tensors(path: Path) -> dict[str, Tensor]:
    """Return a file's tensors by name; no code in it is run. Raises OSError, or ValueError if it has none."""
    if _is_torchscript(path):
        return read_tensors(path)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a damaged file raises anything
        raise ValueError(on_one_line(error, 80)) from None
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise ValueError("it is no state dict")
    return found


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def resized(pixels: Tensor, side: int) -> Tensor:
    """Return uint8 images (N,C,H,W) as uint8 (N,3,side,side), resized by Pillow's bicubic filter; grey ones as RGB.

    By Pillow itself, as FD-DINOv2 and CMMD are published: torch rounds one value in a hundred in another way.
    """
    colours = pixels.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous().cpu().numpy()
    images = [Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC) for one in colours]
    return torch.from_numpy(np.stack([np.asarray(one) for one in images])).permute(0, 3, 1, 2)


def normalised(pixels: Tensor, side: int, mean: tuple[float, ...], sd: tuple[float, ...], device: str) -> Tensor:
    """Return images as a network takes them: `resized`, from 0 to 1, less the mean, over the sd of each channel."""
    x = resized(pixels, side).to(device).float() / 255
    centre, spread = (torch.tensor(values, device=device).view(3, 1, 1) for values in (mean, sd))
    return (x - centre) / spread


def in_parts(pixels: Tensor, features: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the features (N,d) of images, `AT_ONCE` at a time, whatever the batch is that they come in."""
    return torch.cat([features(part) for part in pixels.split(AT_ONCE)])
