"""The tables of one group: the distance by steps, every measure in full, the cells that failed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bench.records.groups import Group
from bench.tables.summary import Summary
from bench.tables.table import DASH as TABLES_DASH
from bench.tables.table import Entry, Table, floors_of, statistic_text
from sfddm.words import plural

DASH = "–"
NUMBER = re.compile(r"-?\d+(\.\d+)?(?= |$)", re.ASCII)  # as sort.js reads it at the beginning of a text


@dataclass(frozen=True)
class SortableEntry:
    """What stands in one place of a table."""

    text: str
    value: float | None = None  # what it is sorted by; None: no number, or the text itself
    place: Literal["", "best", "second"] = ""
    clear: bool = False  # whether the paired test tells the best from the second

    @property
    def unsaid(self) -> float | None:
        """The value if the text does not begin with it, as far as its digits go."""
        said = NUMBER.match(self.text)
        if self.value is None or said is None:
            return self.value
        digits = len((said[1] or ".")[1:])
        return None if float(said[0]) == round(self.value, digits) else self.value


@dataclass(frozen=True)
class SortableTable:
    """A table whose rows, a name and entries each, the page can sort; the foot stays below however they are sorted.

    filters: the columns that a site's page can filter it by. methods: what the first one is filtered by, by row name.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, tuple[SortableEntry, ...]], ...]
    foot: tuple[tuple[str, tuple[SortableEntry, ...]], ...] = ()
    scaled: bool = False  # whether entries have the value of unrelated pairs in brackets
    filters: tuple[str, ...] = ()
    methods: Mapping[str, str] = field(default_factory=dict)


def sortable(table: Table) -> SortableTable:
    """Return a table as the page shows it, with its marks."""
    rows = [(row[0].text, tuple(map(entry, row[1:]))) for row in table.rows]
    return SortableTable(table.head, tuple(rows))


def entry(found: Entry) -> SortableEntry:
    """Return an entry as the page shows it."""
    text = DASH if found.text == TABLES_DASH else f"{found.text}{found.mark}"
    return SortableEntry(text, found.value, clear=found.bold)


def by_steps(quality: Summary) -> SortableTable:
    """Return the distance of methods (rows) by step counts (columns), best and second marked, the floor below."""
    digits = quality.measure.digits

    def entry(name: str, steps: int) -> SortableEntry:
        found = quality.rows[name].get(steps)
        if found is None:
            return SortableEntry("failed" if (name, steps) in quality.failed else DASH)
        return SortableEntry(statistic_text(found, digits), found.mean, found.place, found.separated)

    return SortableTable(
        head=("method", *(plural(steps, "step") for steps in quality.steps)),
        rows=tuple((name, tuple(entry(name, steps) for steps in quality.steps)) for name in quality.rows),
        foot=tuple(
            (name, (SortableEntry(statistic_text(one, digits), one.mean),) * len(quality.steps))
            for name, one in floors_of(quality)
        ),
    )


def in_full(columns: Sequence[Summary]) -> SortableTable | None:
    """Return measures (columns) of every method and step count (rows); None without any measure."""
    if not columns:
        return None

    def entry(column: Summary, name: str, steps: int) -> SortableEntry:
        found = column.rows[name].get(steps)
        return SortableEntry(statistic_text(found, column.measure.digits), found.mean) if found else SortableEntry(DASH)

    rows = [
        (name, (SortableEntry(str(steps), steps), *(entry(column, name, steps) for column in columns)))
        for name in columns[0].rows
        for steps in columns[0].steps
        if any(steps in column.rows[name] for column in columns)
    ]
    found = [statistic for column in columns for row in column.rows.values() for statistic in row.values()]
    return SortableTable(
        head=("method", "steps", *(column.measure.title for column in columns)),
        rows=tuple(rows),
        scaled=any(statistic.unrelated is not None for statistic in found),
    )


def failures(group: Group) -> SortableTable | None:
    """Return the cells that failed with their reasons; None if none did."""
    rows = [
        (
            record.method,
            (
                SortableEntry(DASH if record.steps is None else str(record.steps), record.steps),
                SortableEntry(str(record.seed), record.seed),
                SortableEntry(record.failure),
            ),
        )
        for record in group.records
        if record.failure is not None
    ]
    return SortableTable(("method", "steps", "seed", "reason"), tuple(rows)) if rows else None
