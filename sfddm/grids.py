"""Sub-sequences of a teacher's timesteps: which indices 0..T-1 a sampler or student visits.

A grid is a strictly increasing list of teacher indices. A grid that would have another length than
the steps asked for, or repeat an index, is an error: it would silently be another step count.
"""

import itertools
import math
from collections.abc import Callable, Sequence

from sfddm.errors import InputError

# Index lists the SFDDM authors tried for CelebA-HQ 64 px with T = 1024 and T' = 16.
AUTHORS_LISTS: dict[str, list[int]] = {
    "A": [0, 64, 128, 192, *range(496, 529, 4), 832, 896, 960],
    "B": [*range(0, 321, 64), *range(504, 521, 4), *range(704, 961, 64)],
    "C": [*range(0, 385, 64), 508, 512, 516, *range(640, 961, 64)],
}


def trailing(timesteps: int, steps: int) -> list[int]:
    """Return round(T - k T/S) - 1 for k = S-1..0: ends at T-1. The 1-based reading of SFDDM's phi."""
    # Half away from zero, in integers: exact for any T and S, where float rounding is not.
    return [(2 * (steps - k) * timesteps + steps) // (2 * steps) - 1 for k in reversed(range(steps))]


def leading(timesteps: int, steps: int) -> list[int]:
    """Return floor(i T/S) for i = 0..S-1: starts at 0, never reaches T-1. The SFDDM authors' grid."""
    return [i * timesteps // steps for i in range(steps)]


def uniform(timesteps: int, steps: int) -> list[int]:
    """Return range(0, T, T // S) as the DDIM authors wrote it; too long when S does not divide T."""
    return list(range(0, timesteps, timesteps // steps))


def quad(timesteps: int, steps: int) -> list[int]:
    """Return int(linspace(0, sqrt(0.8 T), S)^2): the grid of the DDIM paper's CIFAR-10 tables."""
    top = math.sqrt(0.8 * timesteps)
    return [int((top * i / max(steps - 1, 1)) ** 2) for i in range(steps)]


GRIDS: dict[str, Callable[[int, int], list[int]]] = {
    "trailing": trailing, "leading": leading, "uniform": uniform, "quad": quad,
}  # fmt: skip


def grid(kind: str | Sequence[int], timesteps: int, steps: int, option: str = "grid") -> list[int]:
    """Return the checked index list of a named grid, an authors' list (`A`, `B`, `C`), or a given list.

    `option` names the setting in the error. Raises InputError for an unknown name, a wrong length,
    a repeated or unsorted index, or one outside 0..T-1.
    """
    if not 1 <= steps <= timesteps:
        raise InputError(f"--steps: {steps} given, 1 to {timesteps} possible (the teacher has T = {timesteps})")
    if not isinstance(kind, str):
        indices, label = list(kind), "the given list"
    elif kind in GRIDS:
        indices, label = GRIDS[kind](timesteps, steps), f"'{kind}'"
    elif kind in AUTHORS_LISTS:
        indices, label = list(AUTHORS_LISTS[kind]), f"'{kind}'"
    else:
        raise InputError(
            f"{option}: '{kind}' given, possible: {', '.join([*GRIDS, *AUTHORS_LISTS])} or a list of indices"
        )
    if len(indices) != steps:
        raise InputError(
            f"{option}: {label} makes {len(indices)} network calls when {steps} steps are asked of T = {timesteps}; "
            f"ask for {len(indices)} steps or use another grid, such as 'trailing'"
        )
    if any(low >= high for low, high in itertools.pairwise(indices)):
        raise InputError(
            f"{option}: {label} at {steps} steps of T = {timesteps} is not strictly increasing "
            f"({len(set(indices))} distinct indices); use another grid, such as 'trailing'"
        )
    if indices[0] < 0 or indices[-1] >= timesteps:
        raise InputError(f"{option}: {label} spans {indices[0]}..{indices[-1]}, possible 0..{timesteps - 1}")
    return indices
