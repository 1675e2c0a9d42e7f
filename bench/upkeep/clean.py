"""What in a run folder no record and no sweep needs, and removing it. No torch here.

Only what has this layout's own names is ever looked at: `stages/<kind>-<key>` and the temporary files of
`bench.files` that an ended process left behind. A stage that a process computes now is never touched.
"""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.records.record import read_record
from bench.store.files import readable_size
from bench.store.layout import DONE, RunFolder, StageFolder, record_paths, split_stage_name
from bench.store.lock import is_locked
from bench.store.requests import read_requests
from sfddm.errors import InputError

TEMPORARY = "*.tmp"
WRITING_SECONDS = 3600.0  # a temporary file younger than this may still be written, maybe on another host


@dataclass(frozen=True)
class Leftover:
    """Something that nothing needs: its path, its size in bytes, and what it is."""

    path: Path
    bytes: int
    what: str


def leftovers(root: Path) -> list[Leftover]:
    """Return what in a run folder nothing needs. Raises InputError if a record or sweep cannot say what it needs."""
    if not root.is_dir():
        raise InputError(f"--out: '{root}' given, but there is no such folder")
    run = RunFolder(root)
    needed = needed_keys(run)
    gone = [one for one in run.stage_folders() if one.key not in needed and not is_locked(one.path)]
    found = [Leftover(folder.path, size(folder.path), label(folder)) for folder in gone]
    rest = [path for path in temporaries(run) if not any(path.is_relative_to(folder.path) for folder in gone)]
    return found + [Leftover(path, size(path), "temporary file") for path in rest]


def needed_keys(run: RunFolder) -> set[str]:
    """Return the keys of all stages that a record was made from or a sweep asks for, with all that these came from."""
    sweeps = read_requests(run.root).values()
    needed = {split_stage_name(name)[1] for sweep in sweeps for cell in sweep.cells for name in cell.stages}
    listed = {run.root / cell.record for sweep in sweeps for cell in sweep.cells}
    for path in record_paths(run.records):
        parents = read_record(path).parents.values()
        if not parents and path not in listed:
            raise InputError(
                f"{path}: does not say which stages it was made from, so nothing can be removed safely; run its "
                "command again to have that on record, or move it elsewhere"
            )
        needed.update(parents)
    return closure(needed, run.stages_by_key())


def closure(keys: set[str], folders: dict[str, StageFolder]) -> set[str]:
    """Return keys with those of all their ancestors, as the stages' settings tell them."""
    found, ahead = set(keys), list(keys)
    while ahead:
        folder = folders.get(ahead.pop())
        parents = set(folder.parents) - found if folder else set()
        found |= parents
        ahead.extend(parents)
    return found


def label(folder: StageFolder) -> str:
    """Return what a stage is, in words."""
    unfinished = "" if folder.is_done else ", unfinished"
    return (folder.label or "stage without settings") + unfinished


def temporaries(run: RunFolder) -> Iterator[Path]:
    """Yield the temporary files that an ended process left in the layout's own folders."""
    for folder in (run.stages, run.records, run.tables, run.plots, run.sweeps):
        for path in sorted(folder.rglob(TEMPORARY)):
            old = time.time() - path.lstat().st_mtime > WRITING_SECONDS
            stage = folder / path.relative_to(folder).parts[0]
            if path.is_file() and not path.is_symlink() and old and not is_locked(stage):
                yield path


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file() or file.is_symlink())


def remove(root: Path, shown: list[Leftover]) -> list[Leftover]:
    """Remove what was shown and is still needed by nothing; return it."""
    current = {leftover.path for leftover in leftovers(root)}
    removed = [leftover for leftover in shown if leftover.path in current]
    for leftover in removed:
        if leftover.path.is_dir():
            (leftover.path / DONE).unlink(missing_ok=True)  # first: a stage half removed is not a done one
            shutil.rmtree(leftover.path)
        else:
            leftover.path.unlink()
    return removed


def show(root: Path, found: list[Leftover]) -> None:
    """Print what nothing needs, with sizes."""
    for leftover in found:
        print(f"{readable_size(leftover.bytes):>9}  {leftover.path.relative_to(root)}  ({leftover.what})")
    print(f"{readable_size(sum(leftover.bytes for leftover in found)):>9}  in all, needed by no record and no sweep")
