"""Settings and provenance: what all cells share once, then each cell's own; the commands that made them."""

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bench.records import Record
from bench.report.markup import Html, details, facts, join, tag
from bench.report.results import step_word
from bench.tables.table import number

LONGEST = 12  # entries of a list that are written out
KEY = 8  # digits of a key, enough to find a record or a stage's folder by


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested values as text by dotted name."""
    found: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = text(value)
    return found


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
        | flat(record.config, "config.")
        | flat(protocol, "protocol.")
        | flat(record.versions, "version.")
        | flat(record.machine, "machine.")
        | flat(record.git, "git.")
    )


def provenance_section(records: Sequence[Record]) -> Html:
    """Return the settings that all cells share, then each cell with its measurements and the settings that differ."""
    each = [settings(record) for record in records]
    shared = {name: value for name, value in each[0].items() if all(own.get(name) == value for own in each)}
    cells = [
        cell(record, {name: value for name, value in own.items() if name not in shared})
        for record, own in zip(records, each, strict=True)
    ]
    return join([details(f"Shared by all {len(records)} cells", facts(shared.items(), "settings")), *cells])


def cell(record: Record, own: Mapping[str, str]) -> Html:
    """Return one cell's part: its measurements, what it was, where it came from."""
    steps = "" if record.steps is None else f", {step_word(record.steps)}"
    result = (
        "failed"
        if record.failure
        else f"{record.quality_name} {number(record.quality, 2)}"
        if record.quality is not None
        else ""
    )
    summary = join(
        [tag("b", f"{record.method}{steps}"), f", seed {record.seed} ", tag("span", result, class_="result")]
    )
    parts = [
        ("The cell", identity(record)),
        ("Settings of its own", dict(own)),
        ("Its stages", stages(record)),
        ("Not measured, and why", record.reasons),
    ]
    return details(
        summary, *(join([tag("h3", name), facts(values.items(), "settings")]) for name, values in parts if values)
    )


def identity(record: Record) -> dict[str, str]:
    """Return what a cell was."""
    given = {
        "key": record.key[:KEY],
        "failure": record.failure,
        "network evaluations per image": record.nfe,
        "grid": record.grid,
        "teacher timesteps": record.timesteps,
        **flat(record.sampling, "sampling."),
        "95 % interval of the distance": interval(record),
    }
    return {name: text(value) for name, value in given.items() if value is not None}


def stages(record: Record) -> dict[str, str]:
    """Return the key and seconds of each stage that a cell was made of; seconds are those of its last sitting."""
    keys = {name: [key[:KEY]] for name, key in record.parents.items()}
    seconds = {name: [f"{number(value, 1)} s"] for name, value in record.durations.items()}
    return {name: ", ".join(keys.get(name, []) + seconds.get(name, [])) for name in keys | seconds}


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
