"""Every cell in full, and every statistic: as data frames for CSV, and the cells as a table to read."""

from collections.abc import Callable, Sequence
from functools import cache

import pandas as pd
from pandas.api.types import is_numeric_dtype

from bench.config.counts import short
from bench.metrics.shown import whole_fields
from bench.records.groups import device_class
from bench.records.record import REAL, SECTIONS, Record
from bench.store.files import flat
from bench.store.text import percent
from bench.tables.measures import Measure, measures
from bench.tables.summary import Summary
from bench.tables.table import ABOUT_NOISE, DASH, FRESH, Entry, Table, marks, number

# So that two files can be joined.
JOINED_BY = ("dataset", "resolution", "scale", "device", "protocol", "protocol_version")
BEFORE = ("seed", "budget", "share", "init", "nfe", "grid")  # what stands before the measurements in a row of the CSV
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
OURS = ("unit",)  # declared beside the numbers: `-1 to 1` is no formula
AFTER = ("failure", "key")
BUDGET = "budget"
# What the table of cells says of a student's training, a column each if any cell has it.
OF_TRAINING: dict[str, Callable[[Record], str]] = {
    BUDGET: lambda record: DASH if record.budget is None else short(record.budget),
    "share of teacher's images (%)": lambda record: DASH if record.share is None else percent(record.share),
    "begins as": lambda record: record.init or DASH,
}
DISTANCE = ("quality.distance.name", "quality.distance.value")  # stand in the row under what the distance is called

Row = tuple[str, Record]  # a row's name, and a record of it


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Return one row per record, all measurements in columns; a column that no record fills is left out.

    rows: records with their rows' names. Columns are the record's fields by their dotted names; the distance has
    the column that says what it is called.
    """
    table = pd.DataFrame([_row(name, record) for name, record in rows]).dropna(axis="columns", how="all")
    return table.astype({name: "Int64" for name in ("steps", "protocol_version", *_whole_columns()) if name in table})


def _row(name: str, record: Record) -> dict[str, object]:
    row = identity(record) | {"method": name, "steps": record.steps, record.distance_name: record.distance}
    row |= {field: getattr(record, field) for field in BEFORE}
    sections = record.model_dump(include=set(SECTIONS))
    row |= flat({section: sections[section] or {} for section in SECTIONS})
    return {key: value for key, value in row.items() if key not in DISTANCE} | {
        field: getattr(record, field) for field in AFTER
    }


def identity(record: Record) -> dict[str, object]:
    """Return by column what a record's numbers were measured on and under: the columns that two CSV files share."""
    protocol = (record.protocol.sha256, record.protocol.version) if record.protocol else (None, None)
    values = (record.dataset, record.resolution, record.scale, device_class(record), *protocol)
    return dict(zip(JOINED_BY, values, strict=True))


@cache
def _whole_columns() -> list[str]:
    """Return the columns of whole numbers, some of which may be missing."""
    return [".".join(path) for path in whole_fields(Record)]


def summary_frame(summaries: Sequence[Summary], speaker: Record) -> pd.DataFrame:
    """Return one row per measure, method and steps: mean, sd, minimum, 95 % interval, place.

    speaker: a record whose dataset, device and protocol are those of all.
    """
    rows = []
    for shown in summaries:
        floor = [] if shown.floor is None else [(REAL, None, shown.floor)]
        floor += [] if shown.fresh is None else [(FRESH, None, shown.fresh)]
        found = [(name, steps, one) for name, row in shown.rows.items() for steps, one in row.items()]
        for name, steps, one in [*floor, *found]:
            rows.append(
                identity(speaker)
                | {
                    "measure": shown.measure.name,
                    "unit": shown.measure.unit,
                    "method": name,
                    "steps": steps,
                    "seeds": one.seeds,
                    "mean": one.mean,
                    "sd": one.sd,
                    "minimum": one.minimum,
                    "low": one.low,
                    "high": one.high,
                    "unrelated": one.unrelated,
                    "place": one.place or None,
                    "separated": one.separated,
                }
            )
    columns = (
        *JOINED_BY,
        "measure",
        "unit",
        "method",
        "steps",
        "seeds",
        "mean",
        "sd",
        "minimum",
        "low",
        "high",
        "unrelated",
        "place",
        "separated",
    )
    return pd.DataFrame(rows, columns=list(columns)).astype({"steps": "Int64", "protocol_version": "Int64"})


def csv(table: pd.DataFrame) -> str:
    """Return a data frame as CSV; floats so that they read back to the same bits, nothing for what is missing.

    A text that a spreadsheet would take for a formula has an apostrophe in front, which a spreadsheet does not show.
    """
    safe = table.set_axis([as_text(name) for name in table.columns], axis="columns")
    for name in safe.columns:
        if name not in OURS and not is_numeric_dtype(safe[name]):
            safe[name] = safe[name].map(as_text)
    return str(safe.to_csv(index=False, lineterminator="\n"))


def as_text(value: object) -> object:
    """Return a value as a spreadsheet may read it: a text that begins as a formula with an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def cells_table(records: Sequence[Row], brief: bool = False) -> Table:
    """Return every cell with the measures any has, or only the few for the terminal; a failed one with its reason.

    records: with their row names, in the order of rows.
    """
    shown = [measure for measure in measures([record for _, record in records]) if measure.brief or not brief]
    titles = [measure.brief if brief else measure.title for measure in shown]
    own = {title: text for title, text in OF_TRAINING.items() if any(text(record) != DASH for _, record in records)}
    if brief:
        several = len({record.budget for _, record in records if record.budget is not None}) > 1
        own = {BUDGET: OF_TRAINING[BUDGET]} if several else {}
    failed = any(record.failure for _, record in records)
    head = ("method", "steps", "NFE", "seed", *own, *titles, *["failure"] * failed)
    rows = []
    for name, record in records:
        row = [name, _whole(record.steps), _whole(record.nfe), str(record.seed)]
        row += [text(record) for text in own.values()]
        row += [_value(record, measure) for measure in shown]
        row += [_failure(record)] * failed
        rows.append(tuple(map(Entry, row)))
    noisy = any(measure.is_noise(record) for measure in shown for _, record in records)
    intervals = any(measure.interval(record) for measure in shown for _, record in records)
    about = [about_intervals([record for _, record in records])] * intervals
    notes = ("A dash is what was not measured.", *about, *[ABOUT_NOISE] * noisy)
    return Table("Each cell", notes, head, tuple(rows))


def about_intervals(records: Sequence[Record]) -> str:
    """Return the sentence on what a distance's interval is about: so many images, of one seed."""
    images = [(record.method == REAL, record.quality.images) for record in records if record.quality]
    cells, floors = (
        " or ".join(f"{count:,}" for count in sorted({count for is_floor, count in images if is_floor == real}))
        for real in (False, True)
    )
    of_real = f" (real data: {floors})" if floors else ""
    return (
        f"In brackets: the 95 % interval of the distance of {cells} images{of_real}, of their sampling alone: neither "
        "of other seeds nor of infinitely many images."
    )


def _failure(record: Record) -> str:
    return DASH if record.failure is None else f"failed: {record.failure}"


def _whole(value: int | None) -> str:
    return DASH if value is None else str(value)


def _value(record: Record, measure: Measure) -> str:
    """Return a measure with the interval or the value of unrelated pairs that belongs to this one cell."""
    value = measure.value(record)
    if value is None:
        return "failed" if record.failure is not None else DASH
    text = marks(measure.is_bound(record), measure.is_noise(record)) + number(value, measure.digits)
    if interval := measure.interval(record):
        text += f" ({number(interval[0], measure.digits)} to {number(interval[1], measure.digits)})"
    unrelated = measure.unrelated(record)
    return text if unrelated is None else f"{text} [{number(unrelated, measure.digits)}]"
