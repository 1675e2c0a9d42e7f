"""Whether a run folder or a folder of committed results is what it says: hashes, records, stages, tables. No torch.

Each check adds what it looked at and one line for each thing that differs; none of them changes or repairs anything.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.records.groups import groups
from bench.records.measured import JUDGING
from bench.records.record import Record, has_integrity, read_record, sort_key
from bench.rendering import write_tables
from bench.store.files import file_sha256
from bench.store.layout import DONE, RunFolder, StageFolder, record_paths, run_folders, split_stage_name
from bench.store.packages import packages_path, read_packages
from bench.store.progress import Display
from bench.store.requests import read_requests
from bench.upkeep.content import contradictions
from bench.upkeep.links import dataset_faults, datasets_of, missing_parents, unneeded
from bench.upkeep.pictures import picture_fault, pictures
from bench.upkeep.rebuilt import rebuilt
from sfddm.errors import InputError
from sfddm.words import on_one_line, plural

MOST_TOLD = 12  # packages of a pair of lists


class Verification:
    """What was checked, counted by kind, and what differs, one line each."""

    def __init__(self) -> None:
        self.checked: Counter[str] = Counter()
        self.differences: list[str] = []
        self.notes: list[str] = []
        self.damaged: set[Path] = set()  # folders of stages with an artefact that differs
        self.compared = 0  # records of which stages are here
        self.pictures: set[Path] = set()  # that were compared; several records may share one

    def differs(self, path: Path, what: object) -> None:
        """Note a difference, on one line."""
        self.differences.append(f"{path}: {on_one_line(what)}")

    def summary(self) -> str:
        """Return `3 records, 12 artefacts; 3 records: 2 compared with stages, 1 with nothing here but ..`."""
        counts = ", ".join(f"{count} {kind}" for kind, count in self.checked.items() if count)
        records = self.checked["records"]
        return (
            f"{counts}; {plural(records, 'record')}: {self.compared} compared with stages, {records - self.compared} "
            "with nothing here but their own seal and tables"
        )


def result_folders(paths: Sequence[Path]) -> list[RunFolder]:
    """Return the folders at and under paths that hold records or stages, each once. Raises InputError if one has none.

    A path may be a run folder or a folder of several.
    """
    found: dict[Path, RunFolder] = {}
    for path in paths:
        there = run_folders(path)
        if not there:
            raise InputError(f"PATH: no records and no stages in '{path}'; make some: sfddm-bench run --out {path}")
        found |= {run.root.resolve(): run for run in there}
    return list(found.values())


def verify_folder(run: RunFolder, result: Verification, display: Display) -> dict[Path, Record]:
    """Do every check that needs no computing; return the records that could be read, by their files."""
    _artefacts(run, result, display)
    records = _records(run, result)
    _content(run, records, result, display)
    _links(run, records, result)
    _packages(run, records, result)
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
            except InputError as error:
                result.differences.append(str(error))
                result.damaged.add(folder.path)
                hashes = {}
            for name, sha256 in hashes.items():
                if not _artefact(folder.path / name, str(sha256), result):
                    result.damaged.add(folder.path)
            update(number)


def _artefact(path: Path, sha256: str, result: Verification) -> bool:
    """Tell whether an artefact has the hash that its done marker has."""
    result.checked["artefacts"] += 1
    try:
        found = file_sha256(path)
    except OSError as error:
        result.differs(path, f"is missing, {DONE} lists it ({error.strerror})")
        return False
    if found != sha256:
        result.differs(path, f"its sha256 is {found[:12]}, {DONE} says {sha256[:12]}")
    return found == sha256


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
    for sweep in read_requests(run.root, lambda fault: None).values():  # named by `_links`
        for cell in sweep.cells:
            if run.root / cell.record == path:
                keys |= {split_stage_name(name)[1] for name in cell.stages}
    return [folder for folder in run.stage_folders() if folder.key in keys]


def _content(run: RunFolder, records: dict[Path, Record], result: Verification, display: Display) -> None:
    """Compare every record with itself, and with what its stages say of it, and its pictures with what they show."""
    there = {key: folder for key, folder in run.stages_by_key().items() if folder.is_done}
    with display.task(f"comparing {len(records)} records with their stages", len(records), "records") as update:
        for number, (path, record) in enumerate(records.items(), 1):
            for line in contradictions(path, record):
                result.differs(path, line)
            if record.failure is None and there:
                _stages(run, path, record, there, result)
            update(number)


def _stages(run: RunFolder, path: Path, record: Record, there: dict[str, StageFolder], result: Verification) -> None:
    parents = record.parents or {folder.label or "": folder.key for folder in stage_folders(run, path, record)}
    found = rebuilt(record, parents, there)
    result.compared += bool(found.folders)
    result.checked["records compared with their metrics"] += any(kind in found.folders for kind in JUDGING)
    for line in found.differences(record):
        result.differs(path, line)
    if found.missing:
        result.differs(path, f"was made from stages that are not here: {', '.join(found.missing)}")
    sound = {kind: [one for one in own if one.path not in result.damaged] for kind, own in found.folders.items()}
    for picture, expected in pictures(path, record, sound):
        if picture in result.pictures:
            continue
        result.pictures.add(picture)
        result.checked["pictures"] += 1
        if told := picture_fault(picture, expected):
            result.differs(picture, told)


def _links(run: RunFolder, records: dict[Path, Record], result: Verification) -> None:
    """Name stages whose parents are missing, and note those that nothing needs."""
    there = run.stages_by_key()
    for folder, key in missing_parents(there):
        if folder.is_done and key not in {own for record in records.values() for own in record.parents.values()}:
            result.differs(folder.path, f"was made from a stage that is not here: {key}")
    faults: list[str] = []
    sweeps = read_requests(run.root, faults.append)
    result.differences.extend(faults)
    for folder in [] if faults else unneeded(run, records.values(), sweeps.values()):
        result.notes.append(f"{folder.path}: no record and no sweep needs it; sfddm-bench clean removes it")


def _packages(run: RunFolder, records: dict[Path, Record], result: Verification) -> None:
    """Check the lists of packages that records name, and note in what they differ."""
    lists: dict[str, dict[str, str]] = {}
    for sha256 in dict.fromkeys(record.packages for record in records.values() if record.packages):
        path = packages_path(run, sha256)
        result.checked["lists of packages"] += 1
        try:
            lists[path.stem] = read_packages(path)
        except InputError as error:
            result.differences.append(str(error))
    for (one, mine), (other, theirs) in pairwise(lists.items()):
        names = [name for name in sorted(mine | theirs) if mine.get(name) != theirs.get(name)]
        told = [f"{name} {mine.get(name, 'none')} | {theirs.get(name, 'none')}" for name in names]
        more = f" and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
        result.notes.append(
            f"{run.packages}: records were made with different packages, {one} | {other}: "
            f"{', '.join(told[:MOST_TOLD])}{more}"
        )


def check_datasets(records: Iterable[Record], root: Path | None, result: Verification) -> None:
    """Hash the datasets that records name, if they are here; note those that are not."""
    for dataset in datasets_of(records):
        name, resolution, sha256 = dataset.name, dataset.resolution, dataset.sha256
        try:
            faults = dataset_faults(dataset, root)
        except (OSError, ValueError) as error:
            faults = [f"{name} {resolution}x{resolution}: cannot be read ({error})"]
        if faults is None:
            result.notes.append(f"dataset {name} {resolution}x{resolution} ({sha256[:12]}) is not here to compare with")
            continue
        result.checked["datasets hashed"] += 1
        result.differences.extend(faults)


def _tables(run: RunFolder, records: dict[Path, Record], result: Verification) -> None:
    """Compare every table with the one that the records give; not if a record is broken, and named already."""
    if len(records) < len(record_paths(run.records)):
        return
    if records and not run.tables.is_dir():
        result.notes.append(f"{run.root}: has no tables to compare; sfddm-bench tables {run.root} makes them")
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
