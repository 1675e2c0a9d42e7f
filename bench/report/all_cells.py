"""The table of all cells of a data set, whatever they were measured under, with the published values beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.claims.setups import budget_of
from bench.config.counts import short
from bench.config.variants import base_name
from bench.records.groups import Group, device_class
from bench.records.record import Record
from bench.records.rows import place
from bench.report.results import DASH, SortableEntry, SortableTable
from bench.tables.cells import BUDGET, OF_TRAINING
from bench.tables.measures import measures
from bench.tables.published import Series
from bench.tables.summary import by_cell, statistic
from bench.tables.table import DASH as TABLES_DASH
from bench.tables.table import number, statistic_text

METHOD = "method"
DEVICE, ORIGIN, VERSION, PROTOCOL, SOURCE = "device", "origin", "protocol version", "protocol", "source"
MEASURED, PUBLISHED, OF_CONTROL = "measured here", "published", "control"
FILTERS = (METHOD, "steps", BUDGET, DEVICE, ORIGIN, VERSION)
BEFORE, AFTER = ("steps", "NFE", BUDGET, "seeds"), (DEVICE, ORIGIN, VERSION, PROTOCOL, SOURCE)  # of the measures
PUBLISHED_DIGITS = 2
NOTHING = SortableEntry(DASH)


@dataclass(frozen=True)
class Row:
    """A cell over its seeds, or a published value: its name, the method that it is filtered by, entries by column.

    scaled: whether any entry has the value of unrelated pairs in brackets.
    """

    name: str
    method: str
    entries: dict[str, SortableEntry]
    scaled: bool = False


def all_cells(found: Sequence[Group], series: Sequence[Series]) -> SortableTable:
    """Return a row for each method, step count, budget, device and protocol of groups, and for each published value.

    A column holds one measure in one feature space; one that no row fills is left out, unless it is filtered by.
    """
    rows = sorted([*measured(found), *published(series)], key=place_of)
    shown = [measure for group in found if group.cells for measure in measures(group.cells)]
    titles = [measure.title for kind in ("quality", "cost") for measure in shown if measure.kind == kind]
    titles += [title for row in rows for title in row.entries if title not in BEFORE + AFTER]
    filled = {title for row in rows for title, entry in row.entries.items() if entry != NOTHING}
    head = [title for title in dict.fromkeys([*BEFORE, *titles, *AFTER]) if title in filled or title in FILTERS]
    return SortableTable(
        head=(METHOD, *head),
        rows=tuple((row.name, tuple(row.entries.get(title, NOTHING) for title in head)) for row in rows),
        scaled=any(row.scaled for row in rows),
        filters=FILTERS,
        methods={row.name: row.method for row in rows},
    )


def place_of(row: Row) -> tuple[object, ...]:
    """Return what rows are sorted by: the order of methods, with variants and published values beside them."""
    steps, budget = (row.entries.get(title, NOTHING).value or 0 for title in ("steps", BUDGET))
    return (*place(row.method), row.name, steps, budget)


def measured(found: Sequence[Group]) -> Iterator[Row]:
    """Yield the rows of groups; a cell that stands in several of them, as it is under any budget, once."""
    seen = set()
    for group in found:
        columns = measures(group.cells) if group.cells else []
        for (name, _), records in by_cell(group.records).items():
            keys = tuple(record.key for record in records)
            if keys in seen:
                continue
            seen.add(keys)
            values = [(measure, one) for measure in columns if (one := statistic(records, measure)) is not None]
            entries = {
                measure.title: SortableEntry(statistic_text(value, measure.digits), value.mean)
                for measure, value in values
            }
            scaled = any(value.unrelated is not None for _, value in values)
            yield Row(name, base_name(records[0].method), identity(records) | entries, scaled)


def identity(records: Sequence[Record]) -> dict[str, SortableEntry]:
    """Return by column what the seeds of one cell share, and which seeds there are."""
    first = next((record for record in records if record.failure is None), records[0])
    budget = budget_of(first) if first.trains else None
    failed = [str(record.seed) for record in records if record.failure is not None]
    seeds = ", ".join(str(record.seed) for record in records) + (f" (failed: {', '.join(failed)})" if failed else "")
    found = {
        "steps": whole(first.steps),
        "NFE": whole(first.nfe),
        BUDGET: NOTHING if budget is None else SortableEntry(short(budget), budget),
        "seeds": SortableEntry(seeds, len(records) - len(failed)),
        DEVICE: SortableEntry(device_class(first)),
        ORIGIN: SortableEntry(OF_CONTROL if first.steps and not first.trains else MEASURED),
        VERSION: whole(first.protocol.version if first.protocol else None),
        PROTOCOL: SortableEntry(first.protocol.sha256[:8]) if first.protocol else NOTHING,
    }
    of_training = {title: text(first) for title, text in OF_TRAINING.items() if title != BUDGET}
    return found | {title: SortableEntry(text) for title, text in of_training.items() if text != TABLES_DASH}


def whole(value: int | None) -> SortableEntry:
    """Return a count as an entry."""
    return NOTHING if value is None else SortableEntry(str(value), value)


def published(series: Sequence[Series]) -> Iterator[Row]:
    """Yield a row for each published value, in the column of its metric."""
    for one in series:
        told = ", ".join(f"{name}={value}" for name, value in one.settings.items())
        for steps, value in one.values.items():
            yield Row(
                f"{one.method} ({told})" if told else one.method,
                base_name(one.method),
                {
                    "steps": whole(steps),
                    one.metric: SortableEntry(number(value, PUBLISHED_DIGITS), value),
                    ORIGIN: SortableEntry(PUBLISHED),
                    SOURCE: SortableEntry(one.source),
                },
            )
