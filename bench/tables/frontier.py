"""Distance over training compute: what each row reaches under each budget, and what no other reaches as cheaply.

The teacher's distance is that of the control at the largest step count that it has, under the same seed. Only budgets
that were trained count; nothing is interpolated between them.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from bench.config.methods import CONTROL
from bench.records.families import Family, families
from bench.records.groups import Group
from bench.records.record import REAL, Record
from bench.records.rows import ordered
from bench.statistics import paired
from bench.tables.summary import by_cell, trained_once

FACTORS = (1.1, 1.25, 1.5)  # times the teacher's distance


@dataclass(frozen=True)
class Point:
    """A row at a step count under a budget, over its seeds; a budget of 0: nothing is trained.

    leads: whether no other point of the step count has as low a distance at as small a budget.
    """

    budget: int
    records: tuple[Record, ...]
    leads: bool = False

    @property
    def by_seed(self) -> dict[int, float]:
        """The distances that were measured, by seed."""
        return {record.seed: record.distance for record in self.records if record.distance is not None}

    @property
    def middle(self) -> float:
        """The median over seeds; of a point that was measured."""
        return median(self.by_seed.values())

    @property
    def failed(self) -> tuple[int, ...]:
        """The seeds that failed."""
        return tuple(record.seed for record in self.records if record.failure is not None)


Rows = dict[str, dict[int, tuple[Point, ...]]]  # by row name and step count, by increasing budget


@dataclass(frozen=True)
class Teacher:
    """The control at the largest step count that it has, with its distances by seed."""

    name: str
    steps: int
    by_seed: dict[int, float]

    def ratio(self, point: Point) -> float | None:
        """Return the geometric mean over the shared seeds of a point's distance over the teacher's; None without any.

        None as well if a distance is not above zero.
        """
        if not all(value > 0 for side in (point.by_seed, self.by_seed) for value in side.values()):
            return None
        logs = paired(point.by_seed, self.by_seed).values()
        return math.exp(fmean(logs)) if logs else None


@dataclass(frozen=True)
class Frontier:
    """A family's points by row name and step count, by increasing budget; those of rows that train nothing have one.

    methods: of each row. trained_once: the rows whose one student serves all step counts.
    """

    family: Family
    rows: Rows
    methods: dict[str, str]
    teacher: Teacher | None
    trained_once: tuple[str, ...]

    @property
    def steps(self) -> list[int]:
        """The step counts at which anything is trained, increasing."""
        return sorted({steps for row in self.rows.values() for steps, points in row.items() if points[-1].budget})

    def least(self, name: str, steps: int, factor: float) -> int | None:
        """Return the least budget under which a row is within a factor of the teacher's distance; None: none is."""
        if self.teacher is None:
            return None
        for point in self.rows[name].get(steps, ()):
            ratio = self.teacher.ratio(point)
            if ratio is not None and ratio <= factor:
                return point.budget
        return None


def frontiers(found: Sequence[Group]) -> list[Frontier]:
    """Return the frontier of each family of groups that has several budgets."""
    return [one for family in families(found) if (one := frontier(family)) is not None]


def frontier(family: Family) -> Frontier | None:
    """Return the distances of a family over its budgets; None of a family without several, or without a distance."""
    if not family.spans:
        return None
    found: dict[str, dict[int, dict[int, list[Record]]]] = {}
    methods: dict[str, str] = {}
    for name, record in ordered(family.records):
        if record.method != REAL and record.steps is not None:
            methods[name] = record.method
            found.setdefault(name, {}).setdefault(record.steps, {}).setdefault(record.budget or 0, []).append(record)
    rows = {
        name: {
            steps: tuple(Point(budget, tuple(records)) for budget, records in sorted(by_budget.items()))
            for steps, by_budget in row.items()
        }
        for name, row in found.items()
    }
    if not any(point.by_seed for row in rows.values() for points in row.values() for point in points):
        return None
    once = dict.fromkeys(name for group in family.groups for name in trained_once(by_cell(group.records)))
    return Frontier(family, _led(rows), methods, _teacher(rows, methods), tuple(name for name in rows if name in once))


def beaten(one: tuple[float, float], others: Iterable[tuple[float, float]], alike: float = 1) -> bool:
    """Return whether any other (cost, distance) is as low in both and lower in one.

    alike: costs whose ratio is no more than this are taken to be the same.
    """
    cost, distance = one
    return any(
        (other <= cost * alike and there < distance) or (other * alike < cost and there == distance)
        for other, there in others
    )


def _led(rows: Rows) -> Rows:
    """Return the points, those marked that none of their step count beats."""
    there: dict[int, list[tuple[float, float]]] = {}
    for row in rows.values():
        for steps, points in row.items():
            there.setdefault(steps, []).extend((point.budget, point.middle) for point in points if point.by_seed)

    def marked(point: Point, steps: int) -> Point:
        return replace(point, leads=bool(point.by_seed) and not beaten((point.budget, point.middle), there[steps]))

    return {
        name: {steps: tuple(marked(point, steps) for point in points) for steps, points in row.items()}
        for name, row in rows.items()
    }


def _teacher(rows: Rows, methods: dict[str, str]) -> Teacher | None:
    measured = [
        Teacher(name, steps, points[0].by_seed)
        for name, row in rows.items()
        if methods[name] == CONTROL
        for steps, points in row.items()
        if points[0].by_seed
    ]
    return max(measured, key=lambda teacher: teacher.steps, default=None)
