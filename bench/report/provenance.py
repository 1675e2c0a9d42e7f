"""Settings and provenance: what all cells share once, then each cell's own over its seeds; the commands that made them."""

import json
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.records.groups import Group
from bench.records.record import Record
from bench.records.rows import flat
from bench.report.markup import Html, details, facts, join, tag
from bench.report.results import DASH, step_word
from bench.tables.summary import by_cell
from bench.tables.table import number

LONGEST = 12  # entries of a list that are written out
KEY = 8  # digits of a key, enough to find a record or a stage's folder by


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


def provenance_section(apart: Sequence[Group]) -> Html:
    """Return the settings that all records share, then each cell, over its seeds, with the settings that differ."""
    each = {record.key: settings(record) for group in apart for record in group.records}
    first = next(iter(each.values()))
    shared = {name: value for name, value in first.items() if all(own.get(name) == value for own in each.values())}
    own = {key: {name: value for name, value in found.items() if name not in shared} for key, found in each.items()}
    cells = [
        cell(name, records, own)
        for group in apart
        for (name, _), records in by_cell(group.records).items()
    ]  # fmt: skip
    return join([details(f"Shared by all {len(each)} cells", facts(shared.items(), "settings")), *cells])


def cell(name: str, records: Sequence[Record], own: Mapping[str, dict[str, str]]) -> Html:
    """Return one cell's part, of all its seeds: its measurements, what it was, where it came from."""
    steps = records[0].steps
    seeds = ", ".join(str(record.seed) for record in records)
    heading = [tag("b", name if steps is None else f"{name}, {step_word(steps)}"),
               f", seed{'s' * (len(records) > 1)} {seeds} ", tag("span", result(records), class_="result")]  # fmt: skip
    parts = [
        ("The cell", over_seeds(records, identity)),
        ("Settings of its own", over_seeds(records, lambda record: own[record.key])),
        ("Its stages", over_seeds(records, stages)),
        ("Not measured, and why", over_seeds(records, lambda record: record.reasons)),
    ]
    return details(
        join(heading), *(join([tag("h3", name), facts(values.items(), "settings")]) for name, values in parts if values)
    )


def result(records: Sequence[Record]) -> str:
    """Return a cell's distances, a seed's after the other; nothing where none was measured."""
    if all(record.quality is None and not record.failure for record in records):
        return ""
    values = ["failed" if record.failure else DASH if record.quality is None else number(record.quality, 2)
              for record in records]  # fmt: skip
    return ", ".join([f"{records[0].quality_name} {values[0]}", *values[1:]])


def over_seeds(records: Sequence[Record], facts_of: Callable[[Record], Mapping[str, str]]) -> dict[str, str]:
    """Return facts of a cell's records by name: what is equal in all once, else a seed's after the other's."""
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
    """Return the interval of a cell's distance, where there is one."""
    if record.distance_low is None or record.distance_high is None:
        return None
    return f"{number(record.distance_low, 2)} to {number(record.distance_high, 2)}"


def commands_section(records: Sequence[Record]) -> Html:
    """Return the commands that made the records, each with its number of cells."""
    counts = Counter(shlex.join(record.command) for record in records)
    parts = [
        join([tag("p", f"{number(count, 0)} cell{'s' * (count != 1)}:"), tag("pre", tag("code", command), tabindex=0)])
        for command, count in counts.items()
        if command
    ]
    if counts[""]:
        parts.append(tag("p", f"Of {number(counts[''], 0)} cells the command is not on record."))
    return join(parts)
