"""Settings and provenance: what all cells share, what each has of its own, and the commands that made them."""

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.config.counts import short
from bench.records.families import families
from bench.records.groups import Group
from bench.records.record import REAL, Record
from bench.records.rows import ordered
from bench.report.results import DASH
from bench.store.files import flat
from bench.tables.table import number

LONGEST = 12  # entries of a list that are written out
SAMPLES = "samples"  # begins the name of their stage
REASONS = "Not measured, and why"
KEY = 8  # digits of a key, enough to find a record or a stage's folder by


Facts = dict[tuple[str, str], str]  # what is on record of cells, as text, by (part, name)
Parts = dict[str, dict[str, str]]  # the same by part, to be shown


@dataclass(frozen=True)
class CellFacts:
    """What is on record of a cell over its seeds, and not of all measured cells or all of its row."""

    steps: int | None
    seeds: list[int]
    result: str
    own: Parts


@dataclass(frozen=True)
class RowFacts:
    """What the cells of a row under one budget share, and what each has of its own."""

    name: str
    budget: str  # of training, in short; empty if there is none
    shared: Parts
    cells: list[CellFacts]


@dataclass(frozen=True)
class Provenance:
    """What all measured cells share, of which there are so many, and what each row has of its own."""

    measured: int
    shared: Parts
    rows: list[RowFacts]


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


def facts(record: Record) -> Facts:
    """Return all that is on record of a cell of one seed, but what was measured."""
    parts = {
        "The cell": identity(record),
        "Settings": settings(record),
        "Stages": stages(record),
        REASONS: record.reasons,
    }
    return {(part, name): value for part, values in parts.items() for name, value in values.items()}


def provenance(found: Sequence[Group]) -> Provenance:
    """Return what is on record of groups' cells: each fact once, of all measured cells, of a row under a
    budget, or of a cell.
    """
    rows: dict[tuple[int, str, int | None], list[list[Record]]] = {}
    for place, family in enumerate(families(found)):
        cells_of: dict[tuple[str, int | None, int | None], list[Record]] = {}
        for name, record in ordered(family.records):
            cells_of.setdefault((name, record.steps, record.budget), []).append(record)
        for (name, _, budget), cell in cells_of.items():
            rows.setdefault((place, name, budget), []).append(cell)
    known = {record.key: facts(record) for group in found for record in group.records}
    measured = len({record.key for group in found for record in group.cells})
    cells = [cell for row in rows.values() for cell in row]
    common = shared(cells, known)
    return Provenance(
        measured,
        over_seeds(common),
        [row_facts(name, budget, row, beyond(common, cells, known)) for (_, name, budget), row in rows.items()],
    )


def row_facts(name: str, budget: int | None, row: Sequence[Sequence[Record]], known: Mapping[str, Facts]) -> RowFacts:
    """Return what is known of a row's cells, each over its seeds."""
    common = shared(row, known)
    own = beyond(common, row, known)
    cells = [
        CellFacts(
            cell[0].steps,
            [record.seed for record in cell],
            result(cell),
            over_seeds({record.seed: own[record.key] for record in cell}, named=False),
        )
        for cell in row
    ]
    return RowFacts(name, "" if budget is None else short(budget), over_seeds(common), cells)


def shared(cells: Sequence[Sequence[Record]], known: Mapping[str, Facts]) -> dict[int, Facts]:
    """Return by seed the facts that all measured cells of the seed agree on, if the other seeds' do as well.

    Of the real data's own values and of failed cells less is on record, so they have no say. One cell shares nothing.
    """
    there = [[(r.seed, known[r.key]) for r in cell if r.failure is None and r.method != REAL] for cell in cells]
    each = [one for cell in there for one in cell]
    if sum(map(bool, there)) < 2:
        return {}
    firsts: dict[int, Facts] = {}
    for seed, own in each:
        firsts.setdefault(seed, own)
    names = [name for name in each[0][1] if all(name in own and own[name] == firsts[seed][name] for seed, own in each)]
    return {seed: {name: firsts[seed][name] for name in names} for seed in sorted(firsts)}


def beyond(
    common: Mapping[int, Facts], cells: Sequence[Sequence[Record]], known: Mapping[str, Facts]
) -> dict[str, Facts]:
    """Return what is known of each record without what is shared by those of its seed."""
    found = {}
    for record in (record for cell in cells for record in cell):
        of_seed = common.get(record.seed, {})
        found[record.key] = {name: value for name, value in known[record.key].items() if of_seed.get(name) != value}
    return found


def result(records: Sequence[Record]) -> str:
    """Return a cell's distances, one seed after another; nothing if none was measured."""
    if all(record.distance is None and not record.failure for record in records):
        return ""
    values = [
        "failed" if record.failure else DASH if record.distance is None else number(record.distance, 2)
        for record in records
    ]
    return ", ".join([f"{records[0].distance_name} {values[0]}", *values[1:]])


def over_seeds(each: Mapping[int, Facts], named: bool = True) -> Parts:
    """Return facts by seed in their parts: what is equal for all seeds once, else one seed after another.

    named: whether with the seeds' names, which a cell has said.
    """
    merged: Parts = {}
    for part, name in dict.fromkeys(name for own in each.values() for name in own):
        values = {seed: own.get((part, name), DASH) for seed, own in each.items()}
        apart = "; ".join(f"seed {seed}: {value}" if named else value for seed, value in values.items())
        merged.setdefault(part, {})[name] = apart if len(set(values.values())) > 1 else next(iter(values.values()))
    return merged | {part: together(merged[part]) for part in merged if part == REASONS}


def together(reasons: Mapping[str, str]) -> dict[str, str]:
    """Return reasons by what they are the reason of, each once."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    return {", ".join(of): reason for reason, of in names.items()}


def identity(record: Record) -> dict[str, str]:
    """Return what a cell was."""
    given = {
        "key": record.key[:KEY],
        "failure": record.failure,
        "NFE": record.nfe,
        "grid": record.grid,
        "teacher timesteps": record.timesteps,
        **texts(record.sampling, "sampling."),
        **interval(record),
    }
    return {name: text(value) for name, value in given.items() if value is not None}


def stages(record: Record) -> dict[str, str]:
    """Return the key and seconds of each stage that a cell was made of; seconds are those of its last sitting.

    Of which method at how many steps the samples are, the cell has said.
    """
    keys = {name: [key[:KEY]] for name, key in record.parents.items()}
    seconds = {name: [f"{number(value, 1)} s"] for name, value in record.durations.items()}
    found = {name: ", ".join(keys.get(name, []) + seconds.get(name, [])) for name in keys | seconds}
    told = next((name.removeprefix(SAMPLES) for name in found if name.startswith(f"{SAMPLES} of ")), "")
    return {name.removesuffix(told).removesuffix(f" (seed {record.seed})"): said for name, said in found.items()}


def interval(record: Record) -> dict[str, str]:
    """Return the interval of a cell's distance as text, by what it is about; nothing if it has none."""
    if record.interval is None:
        return {}
    return {
        "95 % interval, of the sampling of its images alone": " to ".join(number(end, 2) for end in record.interval)
    }


def commands(records: Sequence[Record]) -> dict[str, int]:
    """Return the number of records that each command made, the command quoted for a shell; empty: not on record."""
    return dict(Counter(shlex.join(record.command) for record in records))
