"""What differences over seeds can tell from chance: the one place for it, for tables, report and claims. No torch.

Two methods under one seed share their teacher and their latents, so they are compared seed by seed: the logarithm of
one value over the other (`paired`). Three seeds know their own spread badly, so the spread is pooled over the cells of
a comparison, its step counts say, and has the degrees of freedom of all of them (`pooled`). One student that ended far
off would mislead all of them: a cell whose spread is far above that of the others stands apart, with its own. Where
cells differ less than that in spread, or share their luck because a seed's teacher is in all of them, the pooled
interval errs a little more often than it says: by how much, tests/bench/test_statistics.py shows by simulation. With
fewer than three seeds that both sides have, nothing is decided.

Rounds of a clock take the place of seeds if two measurements are compared (`apart`): they share nothing, so that each
has a spread of its own.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TypeVar

import numpy as np
from scipy.special import fdtrc, nctdtr, stdtr, stdtrit  # scipy.stats takes a second to import

LEVEL = 0.95
TAIL = (1 - LEVEL) / 2  # the rate at which a difference that is not there is found, in either direction
LEAST_SEEDS = 3  # that both sides have; with fewer nothing is decided
FAR_OFF = 0.01  # the rate at which any of a comparison's cells is set apart although their spreads are one
ROUNDING = 1e-9  # a standard deviation of logarithms that is no more than this is of rounding alone
MOST_SEEDS = 99  # a difference that more would be needed for is none that seeds will show
CERTAIN = 30  # standard errors: a gain so large is always seen, and the noncentral t has no value there


Cell = TypeVar("Cell", bound=Hashable)


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds; its standard error has so many degrees of freedom, and is None if there are none.

    apart: the spread is the cell's own, being far above that of the other cells of the comparison.
    """

    mean: float
    error: float | None
    degrees: int
    seeds: int
    apart: bool = False

    @property
    def decides(self) -> bool:
        """Whether there are seeds enough to decide anything."""
        return self.seeds >= LEAST_SEEDS and self.error is not None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval by Student's t; None without a standard error."""
        if self.error is None:
            return None
        half = quantile(self.degrees) * self.error
        return self.mean - half, self.mean + half

    def half(self, family: int = 1) -> float | None:
        """Return how far from a bound the mean has to be to be told from it; None if nothing can be decided.

        family: of how many tests it is one; by the first step of Holm's rule.
        """
        if not self.decides or self.error is None:
            return None
        return float(stdtrit(self.degrees, 1 - TAIL / family)) * self.error

    def p_below(self, bound: float) -> float:
        """Return the chance of a mean so low if the truth were at the bound; 1 if nothing can be decided."""
        return self._tail(self.mean - bound)

    def p_above(self, bound: float) -> float:
        """Return the chance of a mean so high if the truth were at the bound; 1 if nothing can be decided."""
        return self._tail(bound - self.mean)

    def differs(self, bound: float = 0.0) -> bool:
        """Whether the mean is apart from a bound, in either direction: wrongly in 5 % if the truth is there."""
        return min(self.p_below(bound), self.p_above(bound)) <= TAIL

    def power(self, effect: float, family: int = 1) -> float | None:
        """Return the chance that a mean of `effect` is told from 0 with this error; None if nothing can be decided.

        family: of how many tests it is one; then the least chance that Holm's leaves it.
        """
        if not self.decides or self.error is None:
            return None
        if abs(effect) >= CERTAIN * self.error:
            return 1.0
        size, critical = abs(effect) / self.error, float(stdtrit(self.degrees, 1 - TAIL / family))
        return float(1 - nctdtr(self.degrees, size, critical))

    def _tail(self, above: float) -> float:
        if not self.decides or self.error is None:
            return 1.0
        if self.error == 0:
            return 0.0 if above < 0 else 1.0
        return float(stdtr(self.degrees, above / self.error))


def quantile(degrees: int) -> float:
    """Return how many standard errors wide each half of the 95 % interval is, for so many degrees of freedom."""
    return float(stdtrit(degrees, 1 - TAIL))


def half_of_mean(values: Sequence[float]) -> float:
    """Return half the width of the 95 % interval of the mean of two values or more, by their own spread alone."""
    return quantile(len(values) - 1) * stdev(values) / math.sqrt(len(values))


def paired(one: Mapping[int, float], other: Mapping[int, float]) -> dict[int, float]:
    """Return by seed the logarithm of one value over the other, of the seeds that both have; all above zero."""
    return {seed: math.log(value / other[seed]) for seed, value in one.items() if seed in other}


def pooled(cells: Mapping[Cell, Mapping[int, float]]) -> dict[Cell, Estimate]:
    """Return the mean of each cell's values by seed; their spread is taken to be one, and is pooled over the cells.

    The pooled variance is the sum of squares about the cells' own means over its degrees of freedom, n - 1 of each
    cell. A cell that is `far_off` has its own. A cell without values has no estimate.
    """
    values = {cell: list(by_seed.values()) for cell, by_seed in cells.items() if by_seed}
    apart = far_off(values)
    together = _spread([found for cell, found in values.items() if cell not in apart])
    estimates = {}
    for cell, found in values.items():
        squares, degrees = _spread([found]) if cell in apart else together
        error = math.sqrt(squares / degrees / len(found)) if degrees else None
        estimates[cell] = Estimate(fmean(found), error, degrees, len(found), cell in apart)
    return estimates


def apart(one: Sequence[float], other: Sequence[float]) -> Estimate:
    """Return the mean of one sample above that of another, which share nothing and have spreads of their own.

    By Welch (1947), the degrees of freedom rounded down; the seeds are those of the smaller sample.
    """
    least = min(len(one), len(other))
    if least < 2:
        return Estimate(fmean(one) - fmean(other), None, 0, least)
    parts = [(stdev(values) ** 2 / len(values), len(values) - 1) for values in (one, other)]
    variance, most = sum(part for part, _ in parts), sum(degrees for _, degrees in parts)
    degrees = variance**2 / sum(part**2 / degrees for part, degrees in parts) if variance else most
    return Estimate(fmean(one) - fmean(other), math.sqrt(variance), math.floor(degrees), least)


def far_off(values: Mapping[Cell, Sequence[float]]) -> list[Cell]:
    """Return the cells whose spread is far above that of the others, the farthest first: one student ended elsewhere.

    The largest variance over that of the rest is held against F's upper tail, at FAR_OFF over the number of cells; if
    it is beyond, the cell is set apart, and so on with the rest.
    """
    left = {cell: _spread([here]) for cell, here in values.items() if len(here) > 1}
    found = []
    while len(left) > 1:
        most = max(left, key=lambda cell: left[cell][0] / left[cell][1])
        squares, degrees = left.pop(most)
        variance = squares / degrees
        others = sum(rest for _, rest in left.values())
        rest = math.fsum(one for one, _ in left.values()) / others
        same = rest > ROUNDING**2 and fdtrc(degrees, others, variance / rest) > FAR_OFF / (len(left) + 1)
        if variance <= ROUNDING**2 or same:
            break
        found.append(most)
    return found


def _spread(cells: Sequence[Sequence[float]]) -> tuple[float, int]:
    """Return the sum of squares about the cells' own means, and its degrees of freedom."""
    squares = math.fsum((value - mean) ** 2 for found in cells for mean in [fmean(found)] for value in found)
    return squares, sum(len(found) - 1 for found in cells)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values so that any of them is wrongly small as rarely as one alone is (Holm 1979), in their order."""
    order = sorted(range(len(p_values)), key=lambda k: p_values[k])
    adjusted, least = [1.0] * len(p_values), 0.0
    for rank, k in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[k]))
        adjusted[k] = least
    return adjusted


def decided(estimates: Sequence[Estimate], below: float, fails: float | None = None) -> list[bool | None]:
    """Return of each estimate of a family whether it is surely below a bound (True) or surely not (False), or None.

    fails: above which bound it is surely not, `below` itself unless it is another. By Holm over those that can decide,
    any of them is wrongly True in 2.5 % at most, and any wrongly False in 2.5 % at most.
    """
    return [answer(*p) for p in chances(estimates, below, fails)]


def answer(under: float, over: float) -> bool | None:
    """Return what the p values of one estimate say: surely below (True), surely not (False), or neither."""
    return True if under <= TAIL else False if over <= TAIL else None


def chances(estimates: Sequence[Estimate], below: float, fails: float | None = None) -> list[tuple[float, float]]:
    """Return of each estimate of a family the p values, by Holm, of being below a bound and of being above `fails`.

    One that can decide nothing has 1 and 1, and is none of the family.
    """
    family = [one for one in estimates if one.decides]
    under = holm([one.p_below(below) for one in family])
    over = holm([one.p_above(below if fails is None else fails) for one in family])
    found = iter(zip(under, over, strict=True))
    return [next(found) if one.decides else (1.0, 1.0) for one in estimates]


def seeds_needed(estimate: Estimate, bound: float, family: int = 1) -> int | None:
    """Return how many seeds would tell a mean from a bound if mean and spread stayed as they are; None if too many.

    family: of how many tests it is one; then by the first step of Holm's rule.
    """
    if not estimate.decides or not estimate.error or estimate.mean == bound:
        return None
    spread, cells = estimate.error * math.sqrt(estimate.seeds), estimate.degrees / (estimate.seeds - 1)
    seeds = np.arange(estimate.seeds, MOST_SEEDS + 1)
    enough = stdtrit(cells * (seeds - 1), 1 - TAIL / family) * spread / np.sqrt(seeds) <= abs(estimate.mean - bound)
    return int(seeds[enough.argmax()]) if enough.any() else None
