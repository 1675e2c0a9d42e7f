"""Paths between initial latents: linear, as the SFDDM authors do, and spherical (Shoemake 1985), as in DDIM's paper."""

from typing import Literal

import torch
from torch import Tensor

PathName = Literal["linear", "spherical"]
POINTS = 9


def path(kind: PathName, start: Tensor, end: Tensor, points: int = POINTS) -> Tensor:
    """Return latents (points, *shape) from start to end of that shape, in their dtype; point k is at k / (points - 1).

    A linear mix of two independent Gaussian latents has a smaller norm than either: 0.71 of it in the middle.
    """
    share = torch.linspace(0, 1, points, dtype=torch.float64, device=start.device).view(-1, *[1] * start.ndim)
    one, other = start.double(), end.double()
    if kind == "linear":
        return ((1 - share) * one + share * other).to(start)
    cosine = (one * other).sum() / (one.norm() * other.norm())
    angle = cosine.clamp(-1, 1).arccos()
    mixed = (torch.sin((1 - share) * angle) * one + torch.sin(share * angle) * other) / angle.sin()
    return mixed.to(start)
