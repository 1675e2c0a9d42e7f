"""Squared distances between images' features, a block at a time, so that memory stays bounded; what is seen in them.

|x|^2 + |y|^2 - 2 x y in float32, added up so that it is the same from x to y as from y to x: a distance within one set
and that to a copy of the image in another set are equal, so that a tie is a tie. Every pair is multiplied out once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Neighbourhood:
    """How generated images (n) and real ones (m) lie to each other.

    A set's balls are around its images, each reaching to the k-th nearest other image of the set, and with its rim.
    balls: in how many of the real images' balls each generated image lies, int64 (n,). covered: which real images have
    a generated one in their ball; recalled: which lie in a generated one's ball; both bool (m,).
    closest: which real image is the nearest to each generated one, int64 (n,); nearest: their distance, float64 (n,),
    0 of a copy. authentic: which generated images are farther from that one than its nearest other real image is, bool
    (n,). real_nearest: the distance of each real image to its nearest other one (m,).
    """

    neighbours: int
    balls: Tensor
    covered: Tensor
    recalled: Tensor
    closest: Tensor
    nearest: Tensor
    authentic: Tensor
    real_nearest: Tensor


def neighbourhood(
    features: Tensor, reference: Tensor, neighbours: int, real_distances: Tensor | None = None
) -> Neighbourhood:
    """Return how features (n,d) and reference features (m,d) lie to each other; n, m > neighbours.

    real_distances: the reference's own `squared_distances` (m,k), if they are known.
    """
    if real_distances is None:
        real_distances = squared_distances(reference, neighbours)
    reach, real_reach = squared_distances(features, neighbours)[:, -1], real_distances[:, -1].contiguous()
    n, m, device = len(features), len(reference), features.device
    balls, closest = torch.zeros(2, n, dtype=torch.int64, device=device)
    covered, recalled = torch.zeros(2, m, dtype=torch.bool, device=device)
    squared_nearest = torch.full((n,), torch.inf, device=device)
    for rows, columns, squared in between(features, reference):
        inside = squared <= real_reach[columns]
        balls[rows] += inside.sum(1)
        covered[columns] |= inside.any(0)
        recalled[columns] |= (squared <= reach[rows, None]).any(0)
        least, place = squared.min(1)
        nearer = least < squared_nearest[rows]
        squared_nearest[rows] = torch.where(nearer, least, squared_nearest[rows])
        closest[rows] = torch.where(nearer, place + columns.start, closest[rows])
    return Neighbourhood(
        neighbours=neighbours,
        balls=balls,
        covered=covered,
        recalled=recalled,
        closest=closest,
        nearest=torch.cat([_apart(features[rows], reference[closest[rows]]) for rows in blocks(n)]),
        authentic=squared_nearest > real_distances[closest, 0],
        real_nearest=real_distances[:, 0].sqrt(),
    )


def nearest_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return the distance (n,) of each of features (n,d) to the nearest of others (m,d), float64."""
    closest = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    least = torch.full((len(x),), torch.inf, device=x.device)
    for rows, columns, squared in between(x, y):
        found, place = squared.min(1)
        closest[rows] = torch.where(found < least[rows], place + columns.start, closest[rows])
        least[rows] = torch.minimum(found, least[rows])
    return torch.cat([_apart(x[rows], y[closest[rows]]) for rows in blocks(len(x))])


def squared_distances(x: Tensor, neighbours: int) -> Tensor:
    """Return the squared distances (n,k) of each image of features (n,d) to its k nearest other ones, nearest first.

    n > k.
    """
    nearest = torch.full((len(x), neighbours + 1), torch.inf, device=x.device)  # itself among them
    for rows, _, squared in within(x):
        found = squared.contiguous().topk(min(neighbours + 1, squared.shape[1]), largest=False).values
        nearest[rows] = torch.cat([nearest[rows], found], 1).topk(neighbours + 1, largest=False).values
    return nearest.sort(1).values[:, 1:]


def blocks(count: int) -> list[slice]:
    """Return the rows of each block, of nearly equal sizes: thin products are rounded in another way."""
    parts = -(-count // BLOCK)
    return [slice(i * count // parts, (i + 1) * count // parts) for i in range(parts)]


def squared_lengths(x: Tensor) -> Tensor:
    """Return |x|^2 (n,) of features (n,d)."""
    return torch.cat([x[rows].square().sum(1) for rows in blocks(len(x))])


def _apart(x: Tensor, y: Tensor) -> Tensor:
    """Return the distances (n,) of the rows of x (n,d) and y (n,d) in float64, without a difference of squares."""
    return (x - y).double().square_().sum(1).sqrt_()


def _squared(x: Tensor, y: Tensor, of_x: Tensor, of_y: Tensor) -> Tensor:
    return (of_x[:, None] + of_y).sub_(x @ y.T, alpha=2).clamp_min_(0)
