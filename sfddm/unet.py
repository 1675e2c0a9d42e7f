"""The SFDDM authors' U-Net: parameter for parameter that of denoising-diffusion-pytorch 1.9.4.

With the default configuration it has 35.7 M parameters. It can return its last hidden map, which the SFDDM
loss matches between student and teacher.

Several operations are done in another order than the library's, with fewer passes over the maps; each says so.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sfddm.settings import GROUPS, UNetConfig

MEMORY = 4  # learned keys and values beside those of the image
TINY = 1e-12  # below this norm a pixel's channels are not scaled to one (torch's F.normalize)
WORTH_FOLDING = 512  # pixels in a batch from which summing an upsampling's weights costs less than it saves


class RMSNorm(nn.Module):
    """Root-mean-square norm over channels, with a learned gain."""

    def __init__(self, dim: int):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1, dim, 1, 1))

    def scale(self) -> Tensor:
        """Return what a pixel of norm one is multiplied with, (1,C,1,1)."""
        return self.gain * self.gain.shape[1] ** 0.5

    def forward(self, x: Tensor) -> Tensor:
        return unit(x) * self.scale()


def unit(x: Tensor) -> Tensor:
    """Return x (N,C,H,W) with the channels of each pixel scaled to norm one; F.normalize takes twice the time."""
    return x * x.square().sum(1, keepdim=True).clamp(min=TINY**2).rsqrt()


class TimeEmbedding(nn.Module):
    """Time (N,), long or float -> (N, 4 dim): sinusoids, then a two-layer perceptron.

    silent: it gives zeros until it is trained.
    """

    def __init__(self, dim: int, silent: bool = False):
        super().__init__()
        self.dim = dim
        self.first, self.second = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, 4 * dim)
        if silent:
            nn.init.zeros_(self.second.weight)
            nn.init.zeros_(self.second.bias)

    def forward(self, t: Tensor) -> Tensor:
        half = self.dim // 2
        # The exponents are float32 whatever the network's dtype, as in the library, so that weights can be exchanged.
        rates = torch.exp(torch.arange(half, device=t.device) * (-math.log(10_000) / (half - 1)))
        angles = t[:, None] * rates
        sinusoids = torch.cat([angles.sin(), angles.cos()], dim=1).to(self.first.weight.dtype)
        return self.second(F.gelu(self.first(sinusoids)))


class Block(nn.Module):
    """Convolution, GroupNorm, optional scale and shift, SiLU."""

    def __init__(self, dim_in: int, dim_out: int):
        super().__init__()
        self.conv = nn.Conv2d(dim_in, dim_out, 3, padding=1)
        self.norm = nn.GroupNorm(GROUPS, dim_out)

    def forward(self, x: Tensor, scale_shift: tuple[Tensor, Tensor] | None = None) -> Tensor:
        x = self.conv(x)
        return F.silu(self.norm(x) if scale_shift is None else modulated(self.norm, x, *scale_shift))


def modulated(norm: nn.GroupNorm, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Return norm(x) (scale + 1) + shift for x (N,C,H,W), scale and shift (N,C), or (1,C) for all images.

    The images of a contiguous batch are normed as the groups of one image, so that gains and offsets can differ between
    them: one pass over the maps, not two, and not four in the backward pass. A compiler fuses the plain form.
    """
    scale = (scale + 1).expand(len(x), -1)
    if torch.compiler.is_compiling() or not x.is_contiguous():
        return torch.addcmul(shift[:, :, None, None], norm(x), scale[:, :, None, None])
    gain, offset = norm.weight * scale, torch.addcmul(shift, norm.bias, scale)
    as_one = x.view(1, -1, *x.shape[2:])
    return F.group_norm(as_one, len(x) * norm.num_groups, gain.flatten(), offset.flatten(), norm.eps).view_as(x)


class Halve(nn.Sequential):
    """Every 2x2 pixels become the channels of one, then a 1x1 convolution: done as one 2x2 convolution of stride 2."""

    def __init__(self, dim_in: int, dim_out: int):
        super().__init__(nn.PixelUnshuffle(2), nn.Conv2d(4 * dim_in, dim_out, 1))

    def forward(self, x: Tensor) -> Tensor:
        conv = cast(nn.Conv2d, self[1])
        return F.conv2d(x, conv.weight.reshape(len(conv.weight), -1, 2, 2), conv.bias, stride=2)


class Double(nn.Sequential):
    """Nearest-neighbour upsampling by two, then a 3x3 convolution.

    Each output pixel sees only 2x2 different ones, so on the CPU this is a transposed convolution with summed weights:
    4 products a pixel instead of 9. On a GPU the 3x3 convolution is so fast that this would not pay.
    """

    def __init__(self, dim_in: int, dim_out: int):
        super().__init__(nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(dim_in, dim_out, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or len(x) * x.shape[2] * x.shape[3] < WORTH_FOLDING:
            return super().forward(x)
        conv = cast(nn.Conv2d, self[1])
        taps = F.pad(conv.weight.transpose(0, 1).flip(2, 3), (1, 1, 1, 1))
        rows = taps[:, :, 1:] + taps[:, :, :-1]
        return F.conv_transpose2d(x, rows[..., 1:] + rows[..., :-1], conv.bias, stride=2, padding=1)


class ResBlock(nn.Module):
    """Two blocks with a residual; the time (N, time_dim), after its SiLU, enters the first. Dropout is between them."""

    def __init__(self, dim_in: int, dim_out: int, time_dim: int, dropout: float = 0.0):
        super().__init__()
        self.drop = nn.Dropout(dropout) if dropout else nn.Identity()
        self.time = nn.Linear(time_dim, 2 * dim_out)
        self.first, self.second = Block(dim_in, dim_out), Block(dim_out, dim_out)
        self.skip = nn.Conv2d(dim_in, dim_out, 1) if dim_in != dim_out else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        scale, shift = self.time(time).chunk(2, dim=1)
        return self.second(self.drop(self.first(x, (scale, shift)))) + self.skip(x)


def normal(*shape: int) -> Tensor:
    """Return standard normal numbers; none are drawn on the meta device, where that imports sympy, for a second."""
    empty = torch.empty(shape)
    return empty if empty.is_meta else empty.normal_()


class LinearAttention(nn.Module):
    """x plus attention linear in the number of pixels: softmax over q's channels and over k's pixels."""

    def __init__(self, dim: int, heads: int, head_dim: int):
        super().__init__()
        self.heads, self.head_dim = heads, head_dim
        self.norm = RMSNorm(dim)
        self.memory = nn.Parameter(normal(2, heads, head_dim, MEMORY))
        self.qkv = nn.Conv2d(dim, 3 * heads * head_dim, 1, bias=False)
        self.out = nn.Sequential(nn.Conv2d(heads * head_dim, dim, 1), RMSNorm(dim))

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        # (N, 3, heads, head_dim, pixels)
        qkv = normed_conv(self.norm, self.qkv, x).reshape(n, 3, self.heads, self.head_dim, height * width)
        q, k, v = qkv.unbind(1)
        memory_k, memory_v = self.memory.expand(n, *self.memory.shape).unbind(1)
        k, v = torch.cat([memory_k, k], dim=3).softmax(3), torch.cat([memory_v, v], dim=3)
        context = v @ k.transpose(2, 3) * self.head_dim**-0.5  # (N, heads, head_dim of v, head_dim of k)
        out = (context @ q.softmax(2)).reshape(n, -1, height, width)
        return torch.addcmul(x, unit(self.out[0](out)), cast(RMSNorm, self.out[1]).scale())


class FullAttention(nn.Module):
    """x plus scaled dot-product attention over pixels and the memory."""

    def __init__(self, dim: int, heads: int, head_dim: int):
        super().__init__()
        self.heads, self.head_dim = heads, head_dim
        self.norm = RMSNorm(dim)
        self.memory = nn.Parameter(normal(2, heads, MEMORY, head_dim))
        self.qkv = nn.Conv2d(dim, 3 * heads * head_dim, 1, bias=False)
        self.out = nn.Conv2d(heads * head_dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        qkv = normed_conv(self.norm, self.qkv, x).reshape(n, 3, self.heads, self.head_dim, height * width)
        q, k, v = qkv.transpose(3, 4).unbind(1)  # each (N, heads, pixels, head_dim)
        memory_k, memory_v = self.memory.expand(n, *self.memory.shape).unbind(1)
        k, v = torch.cat([memory_k, k], dim=2), torch.cat([memory_v, v], dim=2)
        out = F.scaled_dot_product_attention(q, k, v)
        return self.out(out.transpose(2, 3).reshape(n, -1, height, width)) + x


def normed_conv(norm: RMSNorm, conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Return conv(norm(x)) of a 1x1 convolution, the norm's gain multiplied into its weights and not into the map."""
    return F.conv2d(unit(x), conv.weight * norm.scale(), conv.bias)


class Level(nn.Module):
    """One resolution: two residual blocks, attention, and the resampling to the next level."""

    def __init__(self, first: ResBlock, second: ResBlock, attention: nn.Module, resample: nn.Module):
        super().__init__()
        self.first, self.second, self.attention, self.resample = first, second, attention, resample


class DownLevel(Level):
    """Returns its result and the two maps that the level on the way up takes as well."""

    def forward(self, x: Tensor, time: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        early = self.first(x, time)
        x = self.second(early, time)
        late = self.attention(x)
        return self.resample(late), early, late


class UpLevel(Level):
    """Takes the two maps of the level on the way down."""

    def forward(self, x: Tensor, early: Tensor, late: Tensor, time: Tensor) -> Tensor:
        x = self.first(torch.cat([x, late], dim=1), time)
        x = self.second(torch.cat([x, early], dim=1), time)
        return self.resample(self.attention(x))


class UNet(nn.Module):
    """(x (N,C,H,W), t (N,) or (1,) for all, long or float) -> (N,C,H,W); H and W divisible by 2^(levels - 1).

    With two times it is also given `end` of t's shape, the time at which the step from t ends. Before it is trained
    that changes nothing.
    """

    def __init__(self, config: UNetConfig):
        super().__init__()
        self.checkpointing = False  # keep only the maps between levels for the backward pass, compute the others again
        dim, time_dim = config.dim, 4 * config.dim
        widths = [dim, *(dim * multiple for multiple in config.dim_mults)]
        levels = list(zip(widths[:-1], widths[1:], full_attention(config), strict=True))
        block = partial(ResBlock, time_dim=time_dim, dropout=config.dropout)

        def attention(width: int, full: bool) -> nn.Module:
            kind: Callable[[int, int, int], nn.Module] = FullAttention if full else LinearAttention
            return kind(width, config.heads, config.head_dim)

        self.stem = nn.Conv2d(config.channels, dim, 7, padding=3)
        self.time = TimeEmbedding(dim)
        self.span = TimeEmbedding(dim, silent=True) if config.two_times else None
        self.down = nn.ModuleList()
        for depth, (outer, inner, full) in enumerate(levels):
            last = depth == len(levels) - 1
            smaller = nn.Conv2d(outer, inner, 3, padding=1) if last else Halve(outer, inner)
            first, second = block(outer, outer), block(outer, outer)
            self.down.append(DownLevel(first, second, attention(outer, full), smaller))
        self.middle_first = block(widths[-1], widths[-1])
        self.middle_attention = attention(widths[-1], True)
        self.middle_second = block(widths[-1], widths[-1])
        self.up = nn.ModuleList()
        for depth, (outer, inner, full) in reversed(list(enumerate(levels))):
            larger = nn.Conv2d(inner, outer, 3, padding=1) if depth == 0 else Double(inner, outer)
            first, second = block(inner + outer, inner), block(inner + outer, inner)
            self.up.append(UpLevel(first, second, attention(inner, full), larger))
        self.last = block(2 * dim, dim)
        self.head = nn.Conv2d(dim, config.channels, 1)

    def _level(self, level: nn.Module, *given: Tensor) -> Any:
        if self.checkpointing and torch.is_grad_enabled():
            return checkpoint(level, *given, use_reentrant=False)
        return level(*given)

    def forward(
        self, x: Tensor, t: Tensor, return_hidden: bool = False, end: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Return the prediction, and with return_hidden also the (N,dim,H,W) map before the last convolution."""
        stem = x = self.stem(x)
        embedded = self.time(t)
        if self.span is not None and end is not None:
            embedded = embedded + self.span(t - end)
        time = F.silu(embedded)  # here, once, because every block applies it
        skips: list[Tensor] = []
        for level in self.down:
            x, *kept = self._level(level, x, time)
            skips += kept
        x = self.middle_first(x, time)
        x = self.middle_attention(x)
        x = self.middle_second(x, time)
        for level in self.up:
            late, early = skips.pop(), skips.pop()
            x = self._level(level, x, early, late, time)
        hidden = self.last(torch.cat([x, stem], dim=1), time)
        return (self.head(hidden), hidden) if return_hidden else self.head(hidden)


def full_attention(config: UNetConfig) -> tuple[bool, ...]:
    """Return for each level whether its attention is full."""
    levels = len(config.dim_mults)
    return config.full_attention or (False,) * (levels - 1) + (True,)
