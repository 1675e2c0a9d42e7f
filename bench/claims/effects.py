"""Effect sizes with their 95 % intervals, from records. No torch.

Over seeds if there are enough of them: Student's t on one value per seed, with teacher, student and latents all of
their own. With fewer seeds, a ratio of distances has the interval that its records' own intervals leave it, which is of
sampling alone, and taken as if the two sets of images were independent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.metrics.intervals import half_of_mean
from bench.records.record import Record
from sfddm.words import plural

SEEDS_FOR_INTERVAL = 3


@dataclass(frozen=True)
class Effect:
    """A value with its interval; low and high are None if no interval can be formed."""

    value: float
    low: float | None
    high: float | None
    seeds: int

    @property
    def text(self) -> str:
        """The effect as `0.84 [0.80, 0.88]`, a count as itself."""
        if self.low == self.high == self.value:  # a count
            return f"{self.value:g}"
        if self.low is None or self.high is None:
            return f"{self.value:.3g} (no interval, {plural(self.seeds, 'seed')})"
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"

    def below(self, bound: float) -> bool | None:
        """Whether the whole interval is below a bound (True), or none of it (False); None if it straddles."""
        if self.low is None or self.high is None:
            return None
        return True if self.high < bound else False if self.low >= bound else None

    def better(self, least: float) -> bool | None:
        """Whether a ratio is below 1 beyond its interval (True), or surely saves less than `least` (False)."""
        if self.low is None or self.high is None:
            return None
        return True if self.high < 1 else False if self.low >= 1 - least else None


Pair = tuple[Record, Record]


def distance_ratio(pairs: Sequence[Pair]) -> Effect:
    """Return the geometric mean of one distance over the other, over pairs of equal seed."""
    logs: dict[int, list[float]] = {}
    for one, other in pairs:
        logs.setdefault(one.seed, []).append(math.log(positive(one) / positive(other)))
    means = [fmean(values) for values in logs.values()]
    half = half_of_mean(means) if len(means) >= SEEDS_FOR_INTERVAL else half_of_sampling(pairs)
    return _exponentiated(fmean(means), half, len(means))


def mean_over_seeds(values: Sequence[float]) -> Effect:
    """Return the mean of one value per seed; its interval needs enough seeds."""
    centre = fmean(values)
    if len(values) < SEEDS_FOR_INTERVAL:
        return Effect(centre, None, None, len(values))
    half = half_of_mean(values)
    return Effect(centre, centre - half, centre + half, len(values))


def half_of_sampling(pairs: Sequence[Pair]) -> float | None:
    """Return half the width, in the logarithm, of the interval of a mean ratio; None if a record has no interval."""
    total = 0.0
    for record in (record for pair in pairs for record in pair):
        if record.interval is None:
            return None
        low, high = record.interval
        total += ((high - low) / 2 / positive(record)) ** 2
    return math.sqrt(total) / len(pairs)


def has_distance(record: Record) -> bool:
    """Whether a record has a distance that a ratio can be formed of."""
    return record.failure is None and record.distance is not None and 0 < record.distance < math.inf


def positive(record: Record) -> float:
    """Return the distance of a record that `has_distance`."""
    assert record.distance is not None
    return record.distance


def _exponentiated(centre: float, half: float | None, seeds: int) -> Effect:
    if half is None:
        return Effect(math.exp(centre), None, None, seeds)
    return Effect(math.exp(centre), math.exp(centre - half), math.exp(centre + half), seeds)
