"""The records of several run folders as one set of files: what is the same once, and what contradicts itself named."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.records.groups import device_class
from bench.records.record import SECTIONS, Record, own_part, read_record
from bench.store.files import digest, flat
from bench.store.layout import RunFolder, record_paths
from bench.store.packages import packages_path
from sfddm.errors import InputError

COSTS = ("sampling_cost", "training_cost")  # of a machine: they differ when a cell is measured again
MOST_TOLD = 5


@dataclass
class Gathered:
    """The files of a set of records, by their path in a run folder.

    records: as they were read, by the path in the run folder. same: how many cells were there again, equal. gone: the
    files of failed cells that gave way to measured ones.
    """

    files: dict[str, Path] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    same: int = 0
    gone: list[Path] = field(default_factory=list)


def gather(folders: Sequence[Path], keep_first: bool = False) -> Gathered:
    """Return the records of folders with what belongs to them: their pictures, and the lists of packages.

    A cell that is there twice with equal numbers is taken from the first folder, and a failed one gives way to one that
    was measured. Raises InputError if two measured cells contradict each other, unless the first is to be kept.
    """
    found, cells, conflicts = Gathered(), dict[str, str](), list[str]()
    for path in [path for folder in folders for path in records_in(folder)]:
        record = read_record(path)
        place = f"records/{record.set_name}/{path.name}"
        cell = cell_of(record)
        earlier = cells.get(cell)
        if earlier is None or (found.records[earlier].failure is not None and record.failure is None):
            if earlier is not None:
                found.gone.append(found.files[earlier])
                del found.records[earlier]
            cells[cell], found.records[place], found.files[place] = place, record, path
            continue
        there = found.records[earlier]
        if record.failure is not None or not (told := list(differences(there, record))) or keep_first:
            found.same += 1
        else:
            conflicts.append(f"{found.files[earlier]} and {path}: {'; '.join(told[:MOST_TOLD])}")
    if conflicts:
        more = f" (and {len(conflicts) - 1} more)" if len(conflicts) > 1 else ""
        raise InputError(
            f"PATH: one cell with two values: {conflicts[0]}{more}; remove one of them, or give --keep-first"
        )
    found.files = {name: path for name, path in found.files.items() if name in found.records}
    for name, record in list(found.records.items()):
        found.files |= beside(name, record, found.files[name])
    return found


def records_in(folder: Path) -> list[Path]:
    """Return the files of the records under a folder. Raises InputError if there are none."""
    if not (paths := record_paths(folder)):
        raise InputError(f"PATH: no records in '{folder}'; make some with: sfddm-bench run --out {folder}")
    return paths


def beside(name: str, record: Record, path: Path) -> dict[str, Path]:
    """Return what belongs to a record besides its own file, by the path in a run folder, as far as it is there."""
    folder, run = name.rpartition("/")[0], RunFolder(path.parents[2])
    found = {f"{folder}/{picture}": path.with_name(picture) for picture in record.pictures}
    if record.packages:
        packages = packages_path(run, record.packages)
        found[f"{run.packages.name}/{packages.name}"] = packages
    return {name: file for name, file in found.items() if file.is_file()}


def cell_of(record: Record) -> str:
    """Return what is equal in two records of one cell under the same settings, whoever made them."""
    own: dict[str, Any] = record.model_dump(
        mode="json", include={"dataset", "resolution", "dataset_sha256", "scale", "method", "steps", "seed", "budget"}
    )
    return digest(own | {"feature_space": record.feature_space, "settings": own_part(record)})


def differences(one: Record, other: Record) -> Iterator[str]:
    """Yield `name this | that` for each number that two records of one cell both have, and that is not the same."""
    found = list(_differences(one, other))
    if found and device_class(one) != device_class(other):
        yield f"measured on {device_class(one)} | {device_class(other)}"
    yield from found


def _differences(one: Record, other: Record) -> Iterator[str]:
    for section in SECTIONS:
        mine, theirs = getattr(one, section), getattr(other, section)
        if section in COSTS or mine is None or theirs is None:
            continue
        values, others = flat(mine.model_dump(mode="json")), flat(theirs.model_dump(mode="json"))
        for name in (name for name in values if name in others):
            if values[name] != others[name]:
                yield f"{section}.{name} {values[name]} | {others[name]}"
