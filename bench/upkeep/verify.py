"""Whether a run folder, or a folder of committed results, is what it says: hashes, records, metrics and tables. No torch.

Each check adds what it looked at and one line for each thing that differs; none of them changes or repairs anything.
"""

import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.records.groups import groups
from bench.records.record import Record, has_integrity, rank, read_record, record_paths
from bench.rendering import write_tables
from bench.store.files import file_sha256
from bench.store.progress import Display
from bench.store.requests import read_wanted
from bench.store.store import DONE
from sfddm.errors import InputError

RENAMED = {"distance": "quality", "path": "distance_path"}  # names in metrics.json that a record has by another name
ENDS = ("metrics", "floor")  # the kinds of stages whose metrics.json is a record's


class Verification:
    """What was checked, counted by kind, and what differs, one line each."""

    def __init__(self) -> None:
        self.checked: Counter[str] = Counter()
        self.differences: list[str] = []

    def differs(self, path: Path, what: object) -> None:
        """Note a difference, on one line."""
        self.differences.append(f"{path}: {' '.join(str(what).split())}")

    def summary(self) -> str:
        """Return `3 records, 12 artefacts`."""
        return ", ".join(f"{count} {kind}" for kind, count in self.checked.items())


def result_folders(path: Path) -> list[Path]:
    """Return the folders at and under a path that hold records or stages. Raises InputError where there is none."""
    if not path.is_dir():
        raise InputError(f"PATH: '{path}' given, but there is no such folder")
    found = {file.parent.parent.parent for file in record_paths(path)} | (
        {path} if (path / "stages").is_dir() else set()
    )
    if not found:
        raise InputError(f"PATH: no records and no stages in '{path}'; make some with: sfddm-bench run --out {path}")
    return sorted(found)


def verify_folder(root: Path, result: Verification, display: Display) -> dict[Path, Record]:
    """Do every check that needs no computing; return the records that could be read, by their files."""
    _artefacts(root, result, display)
    records = _records(root, result)
    for path, record in records.items():
        _metrics(root, path, record, result)
    _tables(root, records, result)
    return records


def _artefacts(root: Path, result: Verification, display: Display) -> None:
    """Hold every artefact of every done stage against the hash that its done marker has."""
    markers = sorted(root.glob(f"stages/*/{DONE}"))
    if not markers:
        return
    with display.task(f"hashing the artefacts of {len(markers)} stages", len(markers), "stages") as update:
        for number, marker in enumerate(markers):
            result.checked["stages"] += 1
            for name, sha256 in _hashes(marker, result).items():
                _artefact(marker.parent / name, sha256, result)
            update(number + 1)


def _hashes(marker: Path, result: Verification) -> dict[str, str]:
    try:
        hashes = json.loads(marker.read_text())["sha256"]
        return {str(name): str(value) for name, value in hashes.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        result.differs(marker, f"not a readable done marker ({error})")
        return {}


def _artefact(path: Path, sha256: str, result: Verification) -> None:
    result.checked["artefacts"] += 1
    try:
        found = file_sha256(path)
    except OSError as error:
        result.differs(path, f"is missing, {DONE} lists it ({error.strerror})")
        return
    if found != sha256:
        result.differs(path, f"its sha256 is {found[:12]}, {DONE} says {sha256[:12]}")


def _records(root: Path, result: Verification) -> dict[Path, Record]:
    """Hold every record against the schema and its own hash."""
    found = {}
    for path in record_paths(root / "records"):
        result.checked["records"] += 1
        try:
            found[path] = read_record(path)
            if not has_integrity(path):
                result.differs(path, "carries no hash of itself; run its cell again to have one")
        except InputError as error:
            result.differences.append(str(error))
    return found


def stage_folders(root: Path, path: Path, record: Record) -> list[Path]:
    """Return the folders, where they exist, of the stages that a record was made from."""
    keys = set(record.parents.values())
    for sweep in read_wanted(root).values():
        keys |= {name.rpartition("-")[2] for cell in sweep.cells if root / cell.record == path for name in cell.stages}
    return sorted(folder for folder in root.glob("stages/*-*") if folder.name.rpartition("-")[2] in keys)


def _metrics(root: Path, path: Path, record: Record, result: Verification) -> None:
    """Hold a record against the metrics of its last stage, where that is here."""
    ends = [folder for folder in stage_folders(root, path, record) if folder.name.rpartition("-")[0] in ENDS]
    for folder in ends:
        try:
            metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
        except (OSError, ValueError):
            continue  # unfinished, or named already by its hash
        result.checked["records held against their metrics"] += 1
        for name, value in metrics.items():
            own = RENAMED.get(name, name)
            if own == "reasons":  # the record has those of its other stages as well
                value = record.reasons | value
            if (own == "quality" or own in Record.model_fields) and getattr(record, own) != value:
                result.differs(path, f"{own} is {getattr(record, own)}, {folder.name}/metrics.json says {value}")


def _tables(root: Path, records: dict[Path, Record], result: Verification) -> None:
    """Hold every table against the one that the records give; not where a record is broken, and named already."""
    if len(records) < len(record_paths(root / "records")):
        return
    with TemporaryDirectory() as scratch:
        for rebuilt in rebuild_tables(records, Path(scratch)):
            result.checked["tables"] += 1
            _table(root / "tables" / rebuilt.name, rebuilt.read_bytes(), result)


def rebuild_tables(records: dict[Path, Record], folder: Path) -> list[Path]:
    """Write the tables that records give, as `run` does; return their paths."""
    return write_tables(groups(sorted(records.values(), key=rank)), folder)


def _table(path: Path, expected: bytes, result: Verification) -> None:
    try:
        found = path.read_bytes()
    except OSError as error:
        result.differs(path, f"is missing, there are records for it ({error.strerror})")
        return
    if found != expected:
        pairs = zip([*found.splitlines(), b""], [*expected.splitlines(), b""], strict=False)
        line = next((number for number, (one, other) in enumerate(pairs, 1) if one != other), 1)
        result.differs(path, f"is not what its records give, from line {line} on")
