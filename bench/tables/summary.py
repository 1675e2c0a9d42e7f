"""A measure by methods and steps: mean and spread over seeds, the least, an interval, and which is best.

Whether two rows are told apart is decided by the paired test over seeds of bench/statistics.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev
from typing import Literal

from bench.records.groups import check_one_column
from bench.records.record import REAL, Record
from bench.records.rows import ordered
from bench.statistics import Estimate, half_of_mean, paired, pooled
from bench.tables.measures import Measure

RowKey = tuple[str, int | None]  # row name, steps
Sides = tuple[Mapping[int, float], Mapping[int, float]]  # the values of two rows by seed


@dataclass(frozen=True)
class Statistic:
    """A measure of one row at one step count. sd and interval are None if there is nothing to have them from.

    unrelated: the value to read it against. is_bound: only a lower bound. is_noise: the machine was not quiet.
    same_calls: equal for rows whose sampling costs are those of the same calls. by_seed: the values, to pair with those
    of another row; one alone if it was measured once for all. failed: the seeds that failed.
    separated: of the best, whether the paired test tells it from the second.
    """

    mean: float
    sd: float | None
    seeds: int
    minimum: float
    low: float | None
    high: float | None
    unrelated: float | None = None
    place: Literal["", "best", "second"] = ""
    separated: bool = False
    is_bound: bool = False
    is_noise: bool = False
    same_calls: str | None = None
    by_seed: Mapping[int, float] = field(default_factory=dict)
    failed: tuple[int, ...] = ()


@dataclass(frozen=True)
class Summary:
    """A measure of a group: statistics by row name and steps, the floor, and the cells that failed.

    trained_once: of training costs, the rows whose student is the same at all step counts. fresh: what held-out images
    would get in a cell's place.
    """

    measure: Measure
    steps: tuple[int, ...]
    rows: dict[str, dict[int, Statistic]]
    floor: Statistic | None
    failed: frozenset[RowKey]
    trained_once: tuple[str, ...] = ()
    fresh: Statistic | None = None


def by_cell(records: Sequence[Record]) -> dict[RowKey, list[Record]]:
    """Return the records of each (row name, steps), a seed each, in row order. Raises InputError for a mixture."""
    check_one_column(records)
    cells: dict[RowKey, list[Record]] = {}
    for name, record in ordered(records):
        cells.setdefault((name, record.steps), []).append(record)
    return cells


def summary(records: Sequence[Record], measure: Measure) -> Summary:
    """Return a measure by methods and steps. Raises InputError for records that cannot share a column."""
    return summarise(by_cell(records), measure)


def summarise(cells: dict[RowKey, list[Record]], measure: Measure) -> Summary:
    """Return a measure by methods and steps, of records already sorted into cells."""
    rows: dict[str, dict[int, Statistic]] = {}
    floor, fresh, failed = None, None, set()
    for (name, steps), records in cells.items():
        found = statistic(records, measure)
        if records[0].method == REAL:
            floor, fresh = found, statistic(records, measure, measure.fresh)
        elif steps is not None:
            row = rows.setdefault(name, {})
            if found is not None:
                row[steps] = found
            elif all(record.failure is not None for record in records):
                failed.add((name, steps))
    steps_there = sorted({steps for name, steps in cells if steps is not None})
    for count in steps_there:
        _mark(rows, count, measure.better)
    once = trained_once(cells) if measure.path[0] == "training_cost" else ()  # nothing else is paid once
    return Summary(measure, tuple(steps_there), rows, floor, frozenset(failed), once, fresh)


def trained_once(cells: dict[RowKey, list[Record]]) -> tuple[str, ...]:
    """Return the rows that have one student at several step counts: the same folds under the same seed."""
    students: dict[str, dict[int | None, dict[int, tuple[str, ...]]]] = {}
    for (name, steps), records in cells.items():
        folds = {record.seed: record.folds for record in records if record.folds}
        if folds:
            students.setdefault(name, {})[steps] = folds
    return tuple(
        name
        for name, by_steps in students.items()
        if len(by_steps) > 1 and all(folds == next(iter(by_steps.values())) for folds in by_steps.values())
    )


def statistic(
    records: Sequence[Record], measure: Measure, value_of: Callable[[Record], float | int | None] | None = None
) -> Statistic | None:
    """Return the statistic of one cell's seeds; None if no seed has the measure, or what `value_of` takes in its place.

    The rules. Several seeds: sd with n - 1, and the 95 % interval of their mean by Student's t. One seed: no sd, and
    the interval that the record itself has (a Frechet distance's jackknife), else none. A sampling cost that was
    measured once for all seeds is as one seed's. The minimum stands apart and is never what is compared.
    """
    value_of = value_of or measure.value
    pairs = [(value, record) for record in records if (value := value_of(record)) is not None]
    if not pairs:
        return None
    values = [float(value) for value, _ in pairs]
    mean, count = fmean(values), len(values)
    same_calls = measure.same_calls(pairs[0][1])
    measured_once = same_calls is not None and len(set(values)) == 1
    sd = stdev(values) if count > 1 and not measured_once else None
    low: float | None = None
    high: float | None = None
    if sd is not None:
        half = half_of_mean(values)
        low, high = mean - half, mean + half
    elif interval := measure.interval(pairs[0][1]):
        low, high = interval
    unrelated = [value for _, record in pairs if (value := measure.unrelated(record)) is not None]
    return Statistic(
        mean,
        sd,
        count,
        min(values),
        low,
        high,
        fmean(unrelated) if unrelated else None,
        is_bound=any(measure.is_bound(record) for _, record in pairs),
        is_noise=any(measure.is_noise(record) for _, record in pairs),
        same_calls=same_calls,
        by_seed={record.seed: float(value) for value, record in (pairs[:1] if measured_once else pairs)},
        failed=tuple(sorted(record.seed for record in records if record.failure is not None)),
    )


def difference(one: Mapping[int, Statistic], other: Mapping[int, Statistic], steps: int) -> Estimate | None:
    """Return how two rows differ at a step count, seed by seed; None if they share no seed.

    It is of the logarithm of their ratio, with the spread pooled over the step counts of both; or, where a value of
    either is not above zero, of their difference at this step count alone.
    """
    both = shared(one, other)
    if all(map(above_zero, both.values())):
        return ratios(one, other).get(steps)
    mine, theirs = both[steps]
    return pooled({steps: {seed: mine[seed] - theirs[seed] for seed in mine if seed in theirs}}).get(steps)


def ratios(one: Mapping[int, Statistic], other: Mapping[int, Statistic]) -> dict[int, Estimate]:
    """Return the mean logarithm of the ratio of two rows by step count, over the seeds that both have.

    The spread is pooled over the step counts. One at which any value is not above zero is left out.
    """
    return pooled({count: paired(*sides) for count, sides in shared(one, other).items() if above_zero(sides)})


def shared(one: Mapping[int, Statistic], other: Mapping[int, Statistic]) -> dict[int, Sides]:
    """Return the values of two rows by seed, at each step count that both have."""
    return {count: (one[count].by_seed, other[count].by_seed) for count in one if count in other}


def above_zero(sides: Sides) -> bool:
    """Whether all values of two rows are above zero, so that their ratios have a logarithm."""
    return all(value > 0 for side in sides for value in side.values())


def separated(one: Mapping[int, Statistic], other: Mapping[int, Statistic], steps: int) -> bool:
    """Return whether the paired test over seeds tells two rows apart at a step count (95 %, three seeds or more)."""
    found = difference(one, other, steps)
    return found is not None and found.differs()


def _mark(rows: dict[str, dict[int, Statistic]], steps: int, better: Literal["lower", "higher", None]) -> None:
    """Mark the best and the second of a column; a row alone, or a measure without a good end, is not marked.

    Rows that make the same calls have one place together, and none if the column has no others.
    """
    there = [name for name, row in rows.items() if steps in row]
    if better is None or len(there) < 2:
        return
    sign = 1 if better == "lower" else -1
    places = _alike(sorted(there, key=lambda name: sign * rows[name][steps].mean), rows, steps)
    if len(places) < 2:
        return
    best, second = places[:2]
    apart = separated(rows[best[0]], rows[second[0]], steps)
    for name in best:
        rows[name][steps] = replace(rows[name][steps], place="best", separated=apart)
    for name in second:
        rows[name][steps] = replace(rows[name][steps], place="second")


def _alike(names: Sequence[str], rows: dict[str, dict[int, Statistic]], steps: int) -> list[list[str]]:
    """Return names in their order, those together whose rows make the same calls."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(rows[name][steps].same_calls or name, []).append(name)
    return list(found.values())
