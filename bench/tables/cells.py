"""Every cell in full, and every statistic: as data frames for CSV, and the cells as a table to read."""

from collections.abc import Sequence

import pandas as pd

from bench.records.record import REAL, Record
from bench.records.rows import ordered
from bench.tables.measures import Measure, measures
from bench.tables.summary import CellKey, Summary
from bench.tables.table import DASH, Cell, Table, number

PLAIN = ("seed", "nfe", "grid", "folds", "images", "reference_images", "distance_low", "distance_high", "distance_infinity",
         "distance_path", "min_eigenvalue", "rank_deficient", "is_mean", "is_std", "kid_mean", "kid_std", "precision",
         "recall", "wall_seconds", "images_per_second", "first_call_seconds", "compile_seconds", "seconds_per_nfe",
         "gpu_peak_bytes", "gpu_reserved_bytes", "gpu_device_bytes", "rss_peak_bytes", "weights_bytes", "teacher_seconds",
         "teacher_evaluations", "train_seconds", "train_evaluations", "failure", "key")  # fmt: skip
NESTED = ("consistency", "interpolation", "latency", "throughput")
WHOLE = ("steps", "seed", "nfe", "folds", "images", "reference_images", "teacher_evaluations", "train_evaluations",
         "gpu_peak_bytes", "gpu_reserved_bytes", "gpu_device_bytes", "rss_peak_bytes", "weights_bytes")  # fmt: skip


def frame(records: Sequence[Record]) -> pd.DataFrame:
    """Return one row per record, all measurements in columns; a column that no record fills is left out."""
    rows = []
    for name, record in ordered(records):
        row: dict[str, object] = {"method": name, "steps": record.steps, record.quality_name: record.quality}
        row |= {field: getattr(record, field) for field in PLAIN}
        for field in NESTED:
            row |= _flat(field, getattr(record, field) or {})
        rows.append(row)
    table = pd.DataFrame(rows).dropna(axis="columns", how="all")
    return table.astype({name: "Int64" for name in WHOLE if name in table})


def _flat(name: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        return {name: value}
    return {key: leaf for part, inner in value.items() for key, leaf in _flat(f"{name}.{part}", inner).items()}


def summary_frame(summaries: Sequence[Summary]) -> pd.DataFrame:
    """Return one row per measure, method and steps: mean, sd, minimum, 95 % interval, place."""
    rows = []
    for shown in summaries:
        floor = [] if shown.floor is None else [(REAL, None, shown.floor)]
        found = [(name, steps, one) for name, row in shown.rows.items() for steps, one in row.items()]
        for name, steps, one in [*floor, *found]:
            rows.append({"measure": shown.measure.name, "unit": shown.measure.unit, "method": name, "steps": steps,
                         "seeds": one.seeds, "mean": one.mean, "sd": one.sd, "minimum": one.minimum, "low": one.low,
                         "high": one.high, "unrelated": one.scale, "place": one.place or None,
                         "separated": one.separated})  # fmt: skip
    columns = ("measure", "unit", "method", "steps", "seeds", "mean", "sd", "minimum", "low", "high", "unrelated", "place",
               "separated")  # fmt: skip
    return pd.DataFrame(rows, columns=list(columns)).astype({"steps": "Int64"})


def csv(table: pd.DataFrame) -> str:
    """Return a data frame as CSV; floats so that they read back to the same bits, nothing for what is missing."""
    return str(table.to_csv(index=False, lineterminator="\n"))


def cells_table(cells: dict[CellKey, list[Record]], brief: bool = False) -> Table:
    """Return every cell with the measures that any has, or only the few for the terminal; a failed one with its reason."""
    records = [(name, record) for (name, _), found in cells.items() for record in found]
    shown = [measure for measure in measures([record for _, record in records]) if measure.brief or not brief]
    titles = [measure.brief if brief else measure.title for measure in shown]
    failed = any(record.failure for _, record in records)
    head = ("method", "steps", "NFE", "seed", *titles, *["failure"] * failed)
    rows = []
    for name, record in records:
        row = [name, _whole(record.steps), _whole(record.nfe), str(record.seed)]
        row += [_value(record, measure) for measure in shown]
        row += [_failure(record)] * failed
        rows.append(tuple(map(Cell, row)))
    return Table("Each cell", ("A dash is what was not measured.",), head, tuple(rows))


def _failure(record: Record) -> str:
    return DASH if record.failure is None else f"failed: {record.failure}"


def _whole(value: int | None) -> str:
    return DASH if value is None else str(value)


def _value(record: Record, measure: Measure) -> str:
    """Return a measure with the interval or the sd that belongs to this one cell."""
    value = measure.value(record)
    if value is None:
        return "failed" if record.failure is not None else DASH
    text = number(value, measure.digits)
    if measure.interval is not None:
        low, high = measure.interval(record)
        if low is not None and high is not None:
            text += f" ({number(low, measure.digits)} to {number(high, measure.digits)})"
    scale = None if measure.scale is None else measure.scale(record)
    return text if scale is None else f"{text} [{number(scale, measure.digits)}]"
