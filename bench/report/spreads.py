"""Seeds into means, intervals and ranks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

from scipy.special import stdtrit

from bench.records import Record
from bench.report.measures import Measure

LEVEL = 0.95
Row = tuple[str, Record]  # a row's name in the tables, and a record of it
Place = tuple[str, int]  # a row's name and its step count


@dataclass(frozen=True)
class Spread:
    """A measure over seeds. interval: 95 %, of the mean over seeds, or for one seed the cell's own if it has one."""

    values: tuple[float, ...]
    interval: tuple[float, float] | None

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return fmean(self.values)

    def text(self, digits: int | None) -> str:
        """Return `12.30 ± 0.40`, or `12.30` for one seed; digits None: three significant ones."""
        shown = number(self.mean, digits)
        return f"{shown} ± {number(stdev(self.values), digits)}" if len(self.values) > 1 else shown


def number(value: float, digits: int | None) -> str:
    """Return a number with so many digits after the point, or with three significant ones, never as 1e+05."""
    if digits is not None:
        return f"{value:,.{digits}f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")


def spread(records: Sequence[Record], measure: Measure) -> Spread | None:
    """Return a measure over the seeds of one place; None where no seed has it."""
    values = tuple(float(value) for record in records if (value := measure.value(record)) is not None)
    if not values:
        return None
    if len(values) > 1:
        half = float(stdtrit(len(values) - 1, (1 + LEVEL) / 2)) * stdev(values) / len(values) ** 0.5
        return Spread(values, (fmean(values) - half, fmean(values) + half))
    low, high = measure.interval(records[0]) if measure.interval else (None, None)
    return Spread(values, None if low is None or high is None else (low, high))


def places(rows: Sequence[Row]) -> dict[Place, list[Record]]:
    """Return the records of each row name and step count, in the order of rows."""
    found: dict[Place, list[Record]] = {}
    for name, record in rows:
        assert record.steps is not None
        found.setdefault((name, record.steps), []).append(record)
    return found


def marks(column: Mapping[str, Spread], better: Literal["lower", "higher", None]) -> dict[str, tuple[str, bool]]:
    """Return for the best and the second row (mark, clear): clear if its interval overlaps that of no row behind it."""
    if better is None or len(column) < 2:
        return {}
    sign = 1 if better == "lower" else -1
    ranked = sorted(column, key=lambda name: sign * column[name].mean)
    return {
        name: (mark, mark == "best" and all(apart(column[name], column[other]) for other in ranked[1:]))
        for name, mark in zip(ranked, ("best", "second"), strict=False)
    }


def apart(one: Spread, other: Spread) -> bool:
    """Whether two intervals are known and do not overlap."""
    if one.interval is None or other.interval is None:
        return False
    return one.interval[1] < other.interval[0] or other.interval[1] < one.interval[0]
