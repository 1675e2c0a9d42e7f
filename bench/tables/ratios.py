"""The distance of each row over that of a reference row, seed by seed: who is ahead of whom, and how surely."""

import math

from bench.config.methods import CHAIN, CONTROL
from bench.statistics import LEAST_SEEDS, Estimate
from bench.tables.summary import Summary, ratios
from bench.tables.table import DASH, Entry, Table
from sfddm.words import plural

REFERENCES = (CONTROL, CHAIN)  # the teacher itself on the same timesteps, and the rival of a single fold


def ratio_tables(column: Summary) -> list[Table]:
    """Return a table of ratios for each reference that is among a measure's rows, of a measure that is above zero."""
    return [table for reference in REFERENCES if (table := ratio_table(column, reference)) is not None]


def ratio_table(column: Summary, reference: str) -> Table | None:
    """Return the table of ratios to one row; None if it is not there, or if no other shares a step count with it."""
    base = column.rows.get(reference, {})
    found = {name: ratios(row, base) for name, row in column.rows.items() if name != reference}
    found = {name: row for name, row in found.items() if row}
    if not found:
        return None
    steps = sorted({count for row in found.values() for count in row})
    rows = tuple((Entry(name), *(entry(row.get(count)) for count in steps)) for name, row in found.items())
    return Table(
        f"{column.measure.title} as a multiple of that of {reference}",
        (f"Below 1: a lower distance than {reference}'s.",),
        ("method", *(plural(count, "step") for count in steps)),
        rows,
        signs=tuple(signs([one for row in found.values() for one in row.values()])),
    )


def entry(found: Estimate | None) -> Entry:
    """Return a ratio as `0.41 [0.25, 0.66]`, without the interval if seeds are too few; bold if it is apart from 1."""
    if found is None:
        return Entry(DASH)
    ratio, interval = math.exp(found.mean), found.interval if found.decides else None
    within = "" if interval is None else f" [{math.exp(interval[0]):.2f}, {math.exp(interval[1]):.2f}]"
    return Entry(f"{ratio:.2f}{within}", bold=found.differs(), value=ratio)


def signs(found: list[Estimate]) -> list[str]:
    """Return what a reader of any ratios is told."""
    told = ["Ratios: the geometric mean over equal seeds."]
    if any(one.decides for one in found):
        told.append("In brackets its 95 % interval, with the spread of all step counts of a row; bold: apart from 1.")
    else:
        told.append(f"With fewer than {LEAST_SEEDS} seeds there is no interval.")
    if any(one.apart for one in found):
        told.append("A cell whose spread is far above that of the others of its row has an interval of its own.")
    return told
