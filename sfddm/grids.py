"""Sub-sequences of a teacher's timesteps: which of its indices 0..T-1 a sampler or student visits.

A grid is a rule, by name, for a strictly increasing list of teacher indices. A list of another length than the
requested steps, or with a repeated index, is an error: it would silently be another step count.
"""

import itertools
import math
from collections.abc import Callable, Sequence

from sfddm.errors import ParameterError
from sfddm.words import plural

# Index lists the SFDDM authors tried for CelebA-HQ 64 px with T = 1024 and T' = 16.
AUTHORS_LISTS: dict[str, list[int]] = {
    "A": [0, 64, 128, 192, *range(496, 529, 4), 832, 896, 960],
    "B": [*range(0, 321, 64), *range(504, 521, 4), *range(704, 961, 64)],
    "C": [*range(0, 385, 64), 508, 512, 516, *range(640, 961, 64)],
}


def trailing(total: int, steps: int) -> list[int]:
    """Return round(T - k T/S) - 1 for k = S-1..0: ends at T-1. The 1-based reading of SFDDM's phi."""
    # Half away from zero, in integers: exact for any T and S, unlike rounding in floating point.
    return [(2 * (steps - k) * total + steps) // (2 * steps) - 1 for k in reversed(range(steps))]


def leading(total: int, steps: int) -> list[int]:
    """Return floor(i T/S) for i = 0..S-1: starts at 0, never reaches T-1."""
    return [i * total // steps for i in range(steps)]


def uniform(total: int, steps: int) -> list[int]:
    """Return range(0, T, T // S) as the DDIM authors wrote it; too long when S does not divide T."""
    return list(range(0, total, total // steps))


def authors(total: int, steps: int) -> list[int]:
    """Return i (T // S) for i = 0..S-1, as the SFDDM authors' code has it: `leading` if S divides T."""
    return [i * (total // steps) for i in range(steps)]


def quad(total: int, steps: int) -> list[int]:
    """Return int(linspace(0, sqrt(0.8 T), S)^2): the grid of the DDIM paper's CIFAR-10 tables."""
    top = math.sqrt(0.8 * total)
    return [int((top * i / max(steps - 1, 1)) ** 2) for i in range(steps)]


GRIDS: dict[str, Callable[[int, int], list[int]]] = {
    "trailing": trailing,
    "leading": leading,
    "uniform": uniform,
    "authors": authors,
    "quad": quad,
}


def check_steps(total: int, steps: int) -> None:
    """Raise ParameterError for a step count that a teacher of `total` timesteps cannot do."""
    if not 1 <= steps <= total:
        raise ParameterError("steps", f"{steps} given, 1 to {total} possible (the teacher has T = {total})")


def timesteps(kind: str | Sequence[int], total: int, steps: int, parameter: str = "grid") -> list[int]:
    """Return the checked teacher indices of a grid by name, an authors' list (`A`, `B`, `C`), or a given list.

    total: the teacher's T. parameter: what an error calls the grid. Raises ParameterError for impossible steps, an
    unknown name, a wrong length, a repeated or unsorted index, or one outside 0..T-1.
    """
    check_steps(total, steps)
    if not isinstance(kind, str):
        indices, label = list(kind), "the given list"
    elif kind in GRIDS:
        indices, label = GRIDS[kind](total, steps), f"'{kind}'"
    elif kind in AUTHORS_LISTS:
        indices, label = list(AUTHORS_LISTS[kind]), f"'{kind}'"
    else:
        raise ParameterError.unknown(parameter, kind, [*GRIDS, *AUTHORS_LISTS, "a list of indices"])
    if len(indices) != steps:
        raise ParameterError(
            parameter,
            f"{label} makes {plural(len(indices), 'network call')} when {plural(steps, 'step')} of T = {total} were "
            f"requested; request {plural(len(indices), 'step')} or use another grid, such as 'trailing'",
        )
    if any(low >= high for low, high in itertools.pairwise(indices)):
        raise ParameterError(
            parameter,
            f"{label} at {plural(steps, 'step')} of T = {total} is not strictly increasing "
            f"({len(set(indices))} distinct indices); use another grid, such as 'trailing'",
        )
    if indices[0] < 0 or indices[-1] >= total:
        raise ParameterError(parameter, f"{label} spans {indices[0]}..{indices[-1]}, possible 0..{total - 1}")
    return indices
