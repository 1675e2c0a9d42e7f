"""What tables, plots and reports show of a cell: each declared number of a record, with its title, unit and direction.

The declarations stand with the numbers themselves, in bench/metrics/; nothing is listed here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from bench.metrics.quality import plugged_metrics
from bench.metrics.shown import Better, Kind, Shown, shown_fields, value_at
from bench.records.record import Record

Path = tuple[str, ...]
PLUGGED: Path = ("quality", "plugged")


@dataclass(frozen=True)
class Measure:
    """A number of a record at a path, and how it is shown. The name carries the feature space."""

    path: Path
    name: str
    brief: str
    shown: Shown

    @property
    def title(self) -> str:
        """The name with its unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def unit(self) -> str:
        """The unit of the value."""
        return self.shown.unit

    @property
    def better(self) -> Better:
        """Which end is good."""
        return self.shown.better

    @property
    def digits(self) -> int | None:
        """How many digits stand after the point; None: three significant ones."""
        return self.shown.digits

    @property
    def kind(self) -> Kind:
        """Whether it measures quality or a cost."""
        return self.shown.kind

    def value(self, record: Record) -> float | int | None:
        """Return a record's value in the measure's unit; None if it was not measured."""
        return self._at(record, self.path)

    def unrelated(self, record: Record) -> float | int | None:
        """Return the value to read it against, of unrelated pairs; None if it has none."""
        return self._at(record, (*self.path[:-1], self.shown.beside)) if self.shown.beside else None

    def interval(self, record: Record) -> tuple[float, float] | None:
        """Return the interval that one record has of it; None if there is none."""
        if self.shown.interval is None:
            return None
        low, high = (self._at(record, (*self.path[:-1], name)) for name in self.shown.interval)
        return None if low is None or high is None else (low, high)

    def fresh(self, record: Record) -> float | int | None:
        """Return what the real data would get in a cell's place; None if that was not measured."""
        return self._at(record, self.shown.fresh) if self.shown.fresh else None

    def is_bound(self, record: Record) -> bool:
        """Tell whether a record's value is only a lower bound."""
        return bool(self.shown.bound and value_at(record, (*self.path[:-1], self.shown.bound)))

    def is_noise(self, record: Record) -> bool:
        """Tell whether a record's value was measured on a machine that was not quiet."""
        return bool(self.shown.doubt and value_at(record, (self.path[0], self.shown.doubt)))

    def same_calls(self, record: Record) -> str | None:
        """Return what is equal in records whose values are of the same calls, which differ by noise alone; or None."""
        return record.calls if self.path[0] == "sampling_cost" else None

    def _at(self, record: Record, path: Path) -> float | int | None:
        value = value_at(record, path)
        return value if value is None or self.shown.factor == 1 else value * self.shown.factor


def measures(records: Sequence[Record]) -> list[Measure]:
    """Return the measures that any of a group's records has, in the order of their declaration."""
    possible = [_named(path, shown, records[0]) for path, shown in _declared(records)]
    return [measure for measure in possible if any(measure.value(record) is not None for record in records)]


def distance_measure(record: Record) -> Measure:
    """Return the distance as a measure, called as in a record's feature space."""
    path: Path = ("quality", "distance", "value")
    return _named(path, dict(_built_in())[path], record)


@cache
def _built_in() -> tuple[tuple[Path, Shown], ...]:
    return tuple(shown_fields(Record))


def _declared(records: Sequence[Record]) -> Iterator[tuple[Path, Shown]]:
    """Yield every declared number; those of other packages' metrics after our own of quality."""
    plugged = list(_plugged(records))
    for path, shown in _built_in():
        if path[0] != "quality":
            yield from plugged
            plugged = []
        yield path, shown


def _plugged(records: Sequence[Record]) -> Iterator[tuple[Path, Shown]]:
    """Yield the numbers of other packages' metrics that any record has; by bare name if the package is not here."""
    there = dict.fromkeys(name for record in records if record.quality for name in record.quality.plugged)
    for name in there:
        if metric := plugged_metrics().get(name):
            yield from shown_fields(metric, (*PLUGGED, name))
            continue
        values = next(
            record.quality.plugged[name] for record in records if record.quality and name in record.quality.plugged
        )
        for field, value in values.items():
            if isinstance(value, int | float):
                yield (*PLUGGED, name, field), Shown(f"{name}, {field}{{space}}")


def _named(path: Path, shown: Shown, record: Record) -> Measure:
    """Return a measure with the words of a record's feature space filled in."""
    words = {
        "distance": record.distance_name,
        "space": "" if record.is_fid else f" ({record.feature_space})",
        "field": path[-2],
    }
    return Measure(path, shown.title.format(**words), shown.brief.format(**words), shown)
