"""Effect sizes with their 95 % intervals, from records, by the rules of bench/statistics.py. No torch.

With fewer than three seeds that both sides have, a ratio of distances has only the interval that its records' own
intervals leave it: of sampling alone, of so many images, as if the two sets were independent. It decides nothing.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.records.record import Record
from bench.statistics import Estimate, paired, pooled
from sfddm.words import plural

Pair = tuple[Record, Record]
Cell = TypeVar("Cell", bound=Hashable)


@dataclass(frozen=True)
class Effect:
    """A value with its interval; low and high are None if no interval can be formed.

    estimate: what decides, of a ratio in its logarithm; None for a count. failed, unpaired: the seeds left out.
    by_seed: the values themselves.
    """

    value: float
    low: float | None
    high: float | None
    seeds: int
    estimate: Estimate | None = None
    failed: tuple[int, ...] = ()
    unpaired: tuple[int, ...] = ()
    by_seed: tuple[tuple[int, float], ...] = ()

    @property
    def text(self) -> str:
        """The effect as `0.84 [0.80, 0.88] (3 seeds, 8 degrees of freedom)`, a count as itself."""
        if self.estimate is None:
            return f"{self.value:g}"
        left_out = [f"failed: {seeds_named(self.failed)}"] if self.failed else []
        left_out += [f"without a pair: {seeds_named(self.unpaired)}"] if self.unpaired else []
        left_out += ["its spread far above the others', its own"] if self.estimate.apart else []
        if self.low is None or self.high is None:
            about = f"{plural(self.seeds, 'seed')}: no interval"
        elif self.estimate.decides:
            about = f"{plural(self.seeds, 'seed')}, {plural(self.estimate.degrees, 'degree')} of freedom"
        else:
            about = f"{plural(self.seeds, 'seed')}: sampling only"
        interval = "" if self.low is None or self.high is None else f" [{self.low:.3g}, {self.high:.3g}]"
        return f"{self.value:.3g}{interval} ({'; '.join([about, *left_out])})"


def distance_ratios(cells: Mapping[Cell, Sequence[Pair]], others: Iterable[Record] = ()) -> dict[Cell, Effect]:
    """Return the geometric mean of one distance over the other for each cell, over pairs of equal seed.

    The cells are of one comparison, whose spread is pooled. others: records, among which seeds that were asked for and
    are in no pair are found, by method and step count.
    """
    logs = {
        cell: paired({one.seed: positive(one) for one, _ in pairs}, {other.seed: positive(other) for _, other in pairs})
        for cell, pairs in cells.items()
    }
    asked = list(others)
    return {
        cell: _ratio(estimate, logs[cell], half_of_sampling(cells[cell]), *left_out(cells[cell], asked))
        for cell, estimate in pooled(logs).items()
    }


def ratio_over_seeds(ratios: Mapping[int, float]) -> Effect:
    """Return the geometric mean of one ratio per seed."""
    logs = {seed: math.log(ratio) for seed, ratio in ratios.items()}
    return _ratio(pooled({"": logs})[""], logs, None)


def mean_over_seeds(values: Mapping[int, float]) -> Effect:
    """Return the mean of one value per seed; its interval needs enough seeds."""
    (estimate,) = pooled({"": values}).values()
    low, high = estimate.interval if estimate.interval and estimate.decides else (None, None)
    return Effect(estimate.mean, low, high, estimate.seeds, estimate, by_seed=tuple(values.items()))


def seeds_named(seeds: Sequence[int]) -> str:
    """Return seeds in words."""
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"


def count(value: int, seeds: int) -> Effect:
    """Return what is counted and has no spread."""
    return Effect(value, value, value, seeds)


def left_out(pairs: Sequence[Pair], records: Sequence[Record]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the seeds of a cell that are in no pair: those of which a side failed, and those that lack a side."""
    if not pairs:
        return (), ()
    sides = {(record.method, record.steps) for pair in pairs for record in pair}
    asked = [record for record in records if (record.method, record.steps) in sides]
    gone = {record.seed for record in asked} - {one.seed for one, _ in pairs}
    mine = {(one.method, one.steps) for one, _ in pairs}
    failed = {record.seed for record in asked if record.failure is not None} & gone
    unpaired = {record.seed for record in asked if (record.method, record.steps) in mine} & gone - failed
    return tuple(sorted(failed)), tuple(sorted(unpaired))


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


def _ratio(
    estimate: Estimate,
    logs: Mapping[int, float],
    sampling: float | None,
    failed: tuple[int, ...] = (),
    unpaired: tuple[int, ...] = (),
) -> Effect:
    """Return a ratio from its logarithms; where seeds do not decide, its interval is of sampling alone."""
    centre, interval = estimate.mean, None
    if estimate.decides:
        interval = estimate.interval
    elif sampling is not None:
        interval = centre - sampling, centre + sampling
    low, high = (None, None) if interval is None else (math.exp(interval[0]), math.exp(interval[1]))
    by_seed = tuple((seed, math.exp(log)) for seed, log in logs.items())
    return Effect(math.exp(centre), low, high, estimate.seeds, estimate, failed, unpaired, by_seed)
