"""Squared distances between images' features, a block at a time, so that memory stays bounded; and what they are for.

|x|^2 + |y|^2 - 2 x y in float32, added up so that it is the same from x to y as from y to x: a distance within one set
and that to a copy of the image in another set are equal, so that a tie is a tie. Every pair is multiplied out once.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

BLOCK = 1024  # images of each set: their distances are 4 MiB

Block = tuple[slice, slice, Tensor]


def between(x: Tensor, y: Tensor) -> Iterator[Block]:
    """Yield (rows of x, rows of y, the squared distances (r,c) between those), over all blocks of x (n,d) and y (m,d).

    Each block of y is read once, so that y may be memory-mapped.
    """
    squares = squared_lengths(x)
    for columns in blocks(len(y)):
        part = y[columns]
        lengths = squared_lengths(part)
        for rows in blocks(len(x)):
            yield rows, columns, _squared(x[rows], part, squares[rows], lengths)


def within(x: Tensor) -> Iterator[Block]:
    """Yield what `between(x, x)` does; an image's distance to itself is 0, whatever rounding would make of it."""
    squares, parts = squared_lengths(x), blocks(len(x))
    for place, rows in enumerate(parts):
        for columns in parts[place + 1 :]:
            squared = _squared(x[rows], x[columns], squares[rows], squares[columns])
            yield rows, columns, squared
            yield columns, rows, squared.T
        yield rows, rows, _squared(x[rows], x[rows], squares[rows], squares[rows]).fill_diagonal_(0)


def squared_radii(x: Tensor, neighbours: int) -> Tensor:
    """Return the squared distance (n,) of each image of features (n,d) to its k-th nearest other one, n > k."""
    nearest = torch.full((len(x), neighbours + 1), torch.inf, device=x.device)  # itself among them
    for rows, _, squared in within(x):
        found = squared.contiguous().topk(min(neighbours + 1, squared.shape[1]), largest=False).values
        nearest[rows] = torch.cat([nearest[rows], found], 1).topk(neighbours + 1, largest=False).values
    return nearest.amax(1)


def blocks(count: int) -> list[slice]:
    """Return the rows of each block, of nearly equal sizes: thin products are rounded in another way."""
    parts = -(-count // BLOCK)
    return [slice(i * count // parts, (i + 1) * count // parts) for i in range(parts)]


def squared_lengths(x: Tensor) -> Tensor:
    """Return |x|^2 (n,) of features (n,d)."""
    return torch.cat([x[rows].square().sum(1) for rows in blocks(len(x))])


def _squared(x: Tensor, y: Tensor, of_x: Tensor, of_y: Tensor) -> Tensor:
    return (of_x[:, None] + of_y).sub_(x @ y.T, alpha=2).clamp_min_(0)
