"""Whether a run folder or a folder of committed results is what it says: hashes, records, metrics, tables. No torch.

Each check adds what it looked at and one line for each thing that differs; none of them changes or repairs anything.
"""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.records.groups import groups
from bench.records.measured import JUDGING, METRICS, read_quality
from bench.records.record import Record, has_integrity, read_record, sort_key
from bench.rendering import write_tables
from bench.store.files import file_sha256, flat
from bench.store.layout import DONE, RunFolder, StageFolder, record_paths, run_folders, split_stage_name
from bench.store.progress import Display
from bench.store.requests import read_requests
from sfddm.errors import InputError


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


def result_folders(path: Path) -> list[RunFolder]:
    """Return the folders at and under a path that hold records or stages. Raises InputError if there is none."""
    if not path.is_dir():
        raise InputError(f"PATH: '{path}' given, but there is no such folder")
    found = run_folders(path)
    if not found:
        raise InputError(f"PATH: no records and no stages in '{path}'; make some with: sfddm-bench run --out {path}")
    return found


def verify_folder(run: RunFolder, result: Verification, display: Display) -> dict[Path, Record]:
    """Do every check that needs no computing; return the records that could be read, by their files."""
    _artefacts(run, result, display)
    records = _records(run, result)
    for path, record in records.items():
        _quality(run, path, record, result)
    _tables(run, records, result)
    return records


def _artefacts(run: RunFolder, result: Verification, display: Display) -> None:
    """Compare every artefact of every done stage with the hash that its done marker has."""
    done = [folder for folder in run.stage_folders() if folder.is_done]
    if not done:
        return
    with display.task(f"hashing the artefacts of {len(done)} stages", len(done), "stages") as update:
        for number, folder in enumerate(done, 1):
            result.checked["stages"] += 1
            try:
                hashes = folder.marker()["sha256"]
            except (OSError, ValueError) as error:
                result.differs(folder.path / DONE, f"not a readable done marker ({error})")
                hashes = {}
            for name, sha256 in hashes.items():
                _artefact(folder.path / name, str(sha256), result)
            update(number)


def _artefact(path: Path, sha256: str, result: Verification) -> None:
    result.checked["artefacts"] += 1
    try:
        found = file_sha256(path)
    except OSError as error:
        result.differs(path, f"is missing, {DONE} lists it ({error.strerror})")
        return
    if found != sha256:
        result.differs(path, f"its sha256 is {found[:12]}, {DONE} says {sha256[:12]}")


def _records(run: RunFolder, result: Verification) -> dict[Path, Record]:
    """Compare every record with the schema and with its own hash."""
    found = {}
    for path in record_paths(run.records):
        result.checked["records"] += 1
        try:
            found[path] = read_record(path)
            if not has_integrity(path):
                result.differs(path, "carries no hash of itself; run its cell again to have one")
        except InputError as error:
            result.differences.append(str(error))
    return found


def stage_folders(run: RunFolder, path: Path, record: Record) -> list[StageFolder]:
    """Return the folders that exist of the stages that a record was made from."""
    keys = set(record.parents.values())
    for sweep in read_requests(run.root).values():
        for cell in sweep.cells:
            if run.root / cell.record == path:
                keys |= {split_stage_name(name)[1] for name in cell.stages}
    return [folder for folder in run.stage_folders() if folder.key in keys]


def _quality(run: RunFolder, path: Path, record: Record, result: Verification) -> None:
    """Compare a record with what its last stage measured, if that is here."""
    for folder in stage_folders(run, path, record):
        if folder.kind not in JUDGING:
            continue
        try:
            quality, protocol, reasons = read_quality(folder.path, record.feature_space)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # unfinished, or named already by its hash
        result.checked["records compared with their metrics"] += 1
        measured = {"quality": quality.model_dump(), "protocol": protocol.model_dump()}
        own = record.model_dump(include={"quality", "protocol"})
        expected, found = flat(measured), flat({name: own[name] or {} for name in measured})
        for name in dict.fromkeys([*expected, *found]):
            if expected.get(name) != found.get(name):
                told = f"{name} is {found.get(name)}, {folder.path.name}/{METRICS} says {expected.get(name)}"
                result.differs(path, told)
        for name, why in reasons.items():
            if record.reasons.get(name) != why:
                result.differs(path, f"the reason for {name} is {record.reasons.get(name)}, {METRICS} says {why}")


def _tables(run: RunFolder, records: dict[Path, Record], result: Verification) -> None:
    """Compare every table with the one that the records give; not if a record is broken, and named already."""
    if len(records) < len(record_paths(run.records)):
        return
    with TemporaryDirectory() as scratch:
        for rebuilt in rebuild_tables(records, Path(scratch)):
            result.checked["tables"] += 1
            _table(run.tables / rebuilt.name, rebuilt.read_bytes(), result)


def rebuild_tables(records: dict[Path, Record], folder: Path) -> list[Path]:
    """Write the tables that records give, as `run` does; return their paths."""
    return write_tables(groups(sorted(records.values(), key=sort_key)), folder)


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
