"""Settings and provenance: what all cells share, what each has of its own, and the commands that made them."""

import json
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.records.groups import Group
from bench.records.record import Record
from bench.report.results import DASH
from bench.store.files import flat
from bench.tables.summary import by_cell
from bench.tables.table import number
from sfddm.words import plural

LONGEST = 12  # entries of a list that are written out
KEY = 8  # digits of a key, enough to find a record or a stage's folder by


@dataclass(frozen=True)
class CellFacts:
    """What is on record of a cell, over its seeds: texts by name."""

    name: str  # with its step count
    seeds: list[int]
    result: str
    identity: dict[str, str]
    settings: dict[str, str]  # that not all cells share
    stages: dict[str, str]
    reasons: dict[str, str]  # why something was not measured


@dataclass(frozen=True)
class Provenance:
    """The settings that all records share, and what each cell has of its own."""

    records: int
    shared: dict[str, str]
    cells: list[CellFacts]


def texts(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested values as text by dotted name."""
    return {name: text(value) for name, value in flat(values, prefix).items()}


def text(value: Any) -> str:
    """Return a value as text; of a long list its ends and length."""
    if isinstance(value, list) and len(value) > LONGEST:
        ends = [*map(text, value[:4]), "…", *map(text, value[-2:])]
        return f"{', '.join(ends)} ({len(value)} entries)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def settings(record: Record) -> dict[str, str]:
    """Return all that decided a cell, by dotted name."""
    protocol = record.protocol.model_dump() if record.protocol else {}
    own = ("dataset", "dataset_sha256", "preprocessing", "resolution", "scale", "feature_space")
    return (
        {name: text(getattr(record, name)) for name in own}
        | texts(record.config, "config.")
        | texts(protocol, "protocol.")
        | texts(record.versions, "version.")
        | texts(record.machine, "machine.")
        | texts(record.git, "git.")
    )


def provenance(found: Sequence[Group]) -> Provenance:
    """Return the settings that all records of groups share, then each cell, over its seeds, with those that differ."""
    each = {record.key: settings(record) for group in found for record in group.records}
    first = next(iter(each.values()))
    shared = {name: value for name, value in first.items() if all(own.get(name) == value for own in each.values())}
    own = {key: {name: value for name, value in known.items() if name not in shared} for key, known in each.items()}
    cells = [cell(name, records, own) for group in found for (name, _), records in by_cell(group.records).items()]
    return Provenance(len(each), shared, cells)


def cell(name: str, records: Sequence[Record], own: Mapping[str, dict[str, str]]) -> CellFacts:
    """Return the facts of one cell over all its seeds; own: the settings that differ, by a record's key."""
    steps = records[0].steps
    return CellFacts(
        name=name if steps is None else f"{name}, {plural(steps, 'step')}",
        seeds=[record.seed for record in records],
        result=result(records),
        identity=over_seeds(records, identity),
        settings=over_seeds(records, lambda record: own[record.key]),
        stages=over_seeds(records, stages),
        reasons=over_seeds(records, lambda record: record.reasons),
    )


def result(records: Sequence[Record]) -> str:
    """Return a cell's distances, one seed after another; nothing if none was measured."""
    if all(record.distance is None and not record.failure for record in records):
        return ""
    values = [
        "failed" if record.failure else DASH if record.distance is None else number(record.distance, 2)
        for record in records
    ]
    return ", ".join([f"{records[0].distance_name} {values[0]}", *values[1:]])


def over_seeds(records: Sequence[Record], facts_of: Callable[[Record], Mapping[str, str]]) -> dict[str, str]:
    """Return facts of a cell's records by name: what is equal in all once, else one seed after another."""
    each = [facts_of(record) for record in records]
    merged = {}
    for name in dict.fromkeys(name for found in each for name in found):
        values = [found.get(name, DASH) for found in each]
        apart = [f"seed {record.seed}: {value}" for record, value in zip(records, values, strict=True)]
        merged[name] = values[0] if len(set(values)) == 1 else "; ".join(apart)
    return merged


def identity(record: Record) -> dict[str, str]:
    """Return what a cell was."""
    given = {
        "key": record.key[:KEY],
        "failure": record.failure,
        "network evaluations per image": record.nfe,
        "grid": record.grid,
        "teacher timesteps": record.timesteps,
        **texts(record.sampling, "sampling."),
        "95 % interval of the distance": interval(record),
    }
    return {name: text(value) for name, value in given.items() if value is not None}


def stages(record: Record) -> dict[str, str]:
    """Return the key and seconds of each stage that a cell was made of; seconds are those of its last sitting."""
    keys = {name: [key[:KEY]] for name, key in record.parents.items()}
    seconds = {name: [f"{number(value, 1)} s"] for name, value in record.durations.items()}
    found = {name: ", ".join(keys.get(name, []) + seconds.get(name, [])) for name in keys | seconds}
    return {name.removesuffix(f" (seed {record.seed})"): said for name, said in found.items()}


def interval(record: Record) -> str | None:
    """Return the interval of a cell's distance as text; None if it has none."""
    return " to ".join(number(end, 2) for end in record.interval) if record.interval else None


def commands(records: Sequence[Record]) -> dict[str, int]:
    """Return the number of records that each command made, the command quoted for a shell; empty: not on record."""
    return dict(Counter(shlex.join(record.command) for record in records))
