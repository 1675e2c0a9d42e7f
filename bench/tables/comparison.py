"""Ours beside the published values: published | ours, mean ± sd | difference | verdict."""

from collections.abc import Sequence

import pandas as pd

from bench.records.groups import Group
from bench.records.record import Record
from bench.tables.measures import Measure, measures
from bench.tables.published import BAND, Agreement, Series, agreement, concerning
from bench.tables.summary import RowKey, Statistic, by_cell, statistic
from bench.tables.table import DASH, Entry, Table, number, statistic_text

DIGITS = 2
Line = tuple[
    Series, int, float, str, Statistic | None, Agreement
]  # series, steps, published value, our row, ours, verdict


def lines(group: Group, series: Sequence[Series]) -> list[Line]:
    """Return each published value for the group's dataset, with each row of ours of that method and step count."""
    cells = by_cell(group.records)
    family = group.first.config.get("dataset", group.first.dataset)
    found: list[Line] = []
    for one in concerning(series, family):
        measure = _measure(group, one)
        for steps, value in one.values.items():
            rows = _rows(cells, one.method, steps) or {one.method: []}
            for name, records in rows.items():
                ours = statistic(records, measure) if measure and records else None
                record = records[0] if records else None
                found.append((one, steps, value, name, ours, agreement(one, value, ours, record)))
    return found


def _rows(cells: dict[RowKey, list[Record]], method: str, steps: int) -> dict[str, list[Record]]:
    return {name: found for (name, count), found in cells.items() if count == steps and found[0].method == method}


def _measure(group: Group, series: Series) -> Measure | None:
    """Return the measure that goes by the metric's name; on other features its namesake, which is never compared."""
    wanted = group.first.distance_name if series.metric == "FID" else series.metric
    return next(
        (m for m in measures(group.cells or group.records) if m.name.split(" (")[0] == wanted.split(" (")[0]), None
    )


def comparison_table(group: Group, series: Sequence[Series], notes: Sequence[str]) -> Table | None:
    """Return the table of the group beside the published values; None if none concerns it."""
    found = lines(group, series)
    if not found:
        return None
    sources = list(dict.fromkeys(one.source for one, *_ in found))
    head = ("dataset", "method", "metric", "steps", "published", "ours", "difference", "verdict", "source")
    rows = []
    for one, steps, value, name, ours, judged in found:
        texts = [f"{one.dataset} {one.resolution}", name, one.metric, str(steps), number(value, DIGITS)]
        texts += [DASH if ours is None else statistic_text(ours, DIGITS), _difference(value, ours, judged), str(judged)]
        texts += [f"{sources.index(one.source) + 1}"]
        rows.append(tuple(map(Entry, texts)))
    rules = (
        f"Match: within the tolerance or two sd of our seeds; within band: {BAND} tolerances; else off. "
        "The difference is ours less the published; a dash where the two are not comparable or ours is not there."
    )
    told = [f"Source {position}: {source}." for position, source in enumerate(sources, 1)]
    return Table("Published values", (), head, tuple(rows), names=4, signs=(rules, *notes, *told))


def _difference(value: float, ours: Statistic | None, judged: Agreement) -> str:
    if ours is None or judged.word == "not comparable":
        return DASH
    return ("+" if ours.mean >= value else "") + number(ours.mean - value, DIGITS)


def comparison_frame(group: Group, series: Sequence[Series]) -> pd.DataFrame:
    """Return the comparison as one row per published value and row of ours, with its source and tolerance in full."""
    columns = (
        "dataset",
        "resolution",
        "method",
        "metric",
        "steps",
        "published",
        "tolerance",
        "ours",
        "sd",
        "seeds",
        "minimum",
        "difference",
        "verdict",
        "why",
        "source",
    )
    rows = []
    for one, steps, value, name, ours, judged in lines(group, series):
        comparable = ours is not None and judged.word != "not comparable"
        mine = (None,) * 4 if ours is None else (ours.mean, ours.sd, ours.seeds, ours.minimum)
        difference = ours.mean - value if ours is not None and comparable else None
        rows.append(
            (
                one.dataset,
                one.resolution,
                name,
                one.metric,
                steps,
                value,
                one.tolerance,
                *mine,
                difference,
                judged.word,
                "; ".join(judged.why) or None,
                one.source,
            )
        )
    return pd.DataFrame(rows, columns=list(columns))
