"""What plots draw of a group: each row's values over steps, and how the seeds' values become a line and its spread."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from bench.metrics.shown import value_at
from bench.plots.style import Look, looks
from bench.records.groups import Group
from bench.records.record import Record
from bench.tables.summary import by_cell
from sfddm.words import plural

Value = Callable[[Record], float | int | None]
FEW_SEEDS = 5  # up to so many are drawn each; of more, the quartiles


@dataclass(frozen=True)
class Curve:
    """One row's values, those of all its seeds, at each step count or budget, increasing.

    noisy: the step counts at which costs were measured on a machine that was not quiet.
    """

    name: str
    method: str
    look: Look
    at: list[int]
    values: list[list[float]]
    noisy: frozenset[int] = frozenset()

    @property
    def middle(self) -> list[float]:
        """The median over seeds."""
        return [median(values) for values in self.values]

    @property
    def ends(self) -> list[tuple[float, float]]:
        """The ends of the spread over seeds."""
        return [spread(values) for values in self.values]


def curves(group: Group, value: Value) -> list[Curve]:
    """Return each row's curve of a value over steps; rows without any are left out."""
    found: dict[str, dict[int, list[Record]]] = {}
    for (name, steps), records in by_cell(group.records).items():
        measured = [record for record in records if value(record) is not None]
        if steps is not None and measured:
            found.setdefault(name, {})[steps] = measured
    methods = {name: next(iter(row.values()))[0].method for name, row in found.items()}
    look = looks(methods.items())
    return [
        Curve(
            name,
            methods[name],
            look[name],
            list(row),
            [[float(v) for record in records if (v := value(record)) is not None] for records in row.values()],
            frozenset(steps for steps, records in row.items() if any(map(is_noise, records))),
        )
        for name, row in found.items()
    ]


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of a spread over seeds: of a few the least and the most, of more the quartiles."""
    if len(values) <= FEW_SEEDS:
        return min(values), max(values)
    low, _, high = quantiles(values, n=4, method="inclusive")
    return low, high


def most_seeds(drawn: Sequence[Curve]) -> int:
    """Return how many seeds the cell has that has the most."""
    return max(seed_counts(drawn))


def seed_counts(drawn: Sequence[Curve]) -> set[int]:
    """Return how many seeds cells have."""
    return {len(values) for curve in drawn for values in curve.values}


def told_of_seeds(drawn: Sequence[Curve], mark: str, few: str = "", many: str = "") -> str:
    """Return in words how seeds are drawn: what `mark` is, and what shows a few seeds or many. One has no spread."""
    least, most = min(seed_counts(drawn)), max(seed_counts(drawn))
    if most == 1:
        return "one seed"
    counted = plural(most, "seed") if least == most else f"{least} to {most} seeds"
    shown = few if most <= FEW_SEEDS else many
    return f"{mark}: median of {counted}" + (f"; {shown}" if shown else "")


def told_of_spread(values: Sequence[object]) -> str:
    """Return what the ends of a spread are, in words."""
    return "least to most" if len(values) <= FEW_SEEDS else "quartiles"


def distance(record: Record) -> float | None:
    """Return the distance, as a value."""
    return record.distance


def is_noise(record: Record) -> bool:
    """Tell whether what was measured of a cell's sampling is noise, as tables mark it."""
    return bool(value_at(record, ("sampling_cost", "is_noise")))


def paired(group: Group, value: Value) -> list[tuple[Curve, Curve]]:
    """Return (curve of a value, curve of the distance) of each row, over the cells that have both."""
    quality = curves(group, lambda record: record.distance if value(record) is not None else None)
    other = {curve.name: curve for curve in curves(group, lambda r: value(r) if r.distance is not None else None)}
    return [(other[curve.name], curve) for curve in quality]
