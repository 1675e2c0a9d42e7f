"""What in a run folder no record and no sweep needs, and removing it. No torch here.

Only what has this layout's own names is ever looked at: `stages/<kind>-<key>`, and the temporary files of `sfddm.files`
that an ended process left behind. Nothing is reached through a link or on another filesystem, and a folder whose parts
are links, or that has stages but nothing that says who needs them, is refused. A stage that a process computes is never
touched: what is removed is removed under its lock.
"""

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.records.record import read_record
from bench.store.files import readable_size
from bench.store.layout import DONE, LOCK, STAGE_NAME, RunFolder, StageFolder, record_paths, split_stage_name
from bench.store.lock import Locks, is_locked
from bench.store.requests import RequestedSweep, read_requests
from sfddm.errors import InputError
from sfddm.files import TEMPORARY, remove_unwritten

WRITING_SECONDS = 3600.0  # a temporary file younger than this may still be written, maybe on another host


@dataclass(frozen=True)
class Leftover:
    """Something that nothing needs: its path, its size in bytes, and what it is."""

    path: Path
    bytes: int
    what: str


def leftovers(root: Path) -> list[Leftover]:
    """Return what in a run folder nothing needs. Raises InputError if a record or sweep cannot say what it needs."""
    run = RunFolder(root)
    check_layout(run)
    needed = needed_keys(run)
    unneeded = [one for one in run.stage_folders() if one.key not in needed]
    gone = [one for one in unneeded if not is_locked(one.path) and not leads_elsewhere(one.path)]
    found = [Leftover(folder.path, size(folder.path), label(folder)) for folder in gone]
    folders = {folder.path for folder in gone}
    rest = [path for path in temporaries(run) if path.parent not in folders]
    return found + [Leftover(path, size(path), "temporary file") for path in rest]


def check_layout(run: RunFolder) -> None:
    """Raise InputError if a part of a run folder is a link, or if nothing in it can say which stages are needed."""
    own = [run.stages, run.records, run.sweeps, run.tables, run.plots]
    sets = run.records.glob("*")
    stages = [path for path in run.stages.glob("*-*") if STAGE_NAME.fullmatch(path.name)]
    for path in [*own, *sets, *stages]:
        if path.is_symlink():
            raise InputError(
                f"{path}: is a link, and what it leads to may be another run's; remove the link, or clean the folder "
                "that it leads to"
            )
    if stages and not record_paths(run.records) and not any(run.sweeps.glob("*.json")):
        raise InputError(
            f"PATH: '{run.root}' given, which has stages, but neither records nor sweeps that say which of them are "
            f"needed; if none are, remove '{run.stages}' yourself"
        )


def leads_elsewhere(folder: Path) -> bool:
    """Tell whether a folder, or a folder in it, is on another filesystem than the folder it is in."""
    own = folder.parent.lstat().st_dev
    inner = [Path(parent) / name for parent, names, _ in os.walk(folder) for name in names]
    return any(os.path.ismount(path) or path.lstat().st_dev != own for path in [folder, *inner])


def needed_keys(run: RunFolder) -> set[str]:
    """Return the keys of all stages that a record was made from or a sweep asks for, with all that these came from."""
    sweeps = read_requests(run.root).values()
    needed = asked_for(sweeps)
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


def asked_for(sweeps: Iterable[RequestedSweep]) -> set[str]:
    """Return the keys of all stages that sweeps ask for."""
    return {split_stage_name(name)[1] for sweep in sweeps for cell in sweep.cells for name in cell.stages}


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
    stages = [folder.path for folder in run.stage_folders()]
    sets = sorted(path for path in run.records.glob("*") if path.is_dir())
    for folder in [*stages, *sets, run.sweeps, run.tables, run.plots]:
        if is_locked(folder):
            continue
        for path in sorted(folder.glob(".*.tmp")):
            old = time.time() - path.lstat().st_mtime > WRITING_SECONDS
            if TEMPORARY.fullmatch(path.name) and path.is_file() and not path.is_symlink() and old:
                yield path


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file() or file.is_symlink())


def remove(root: Path, shown: list[Leftover]) -> list[Leftover]:
    """Remove what was shown and is still needed by nothing; return it."""
    current = {leftover.path for leftover in leftovers(root)}
    removed = []
    for leftover in shown:
        if leftover.path not in current:
            continue
        folder = leftover.path.is_dir()
        if remove_stage(RunFolder(root), leftover.path) if folder else remove_unwritten(leftover.path):
            removed.append(leftover)
    return removed


def remove_stage(run: RunFolder, folder: Path) -> bool:
    """Remove a stage's folder unless a process works on it or a sweep has asked for it by now; tell whether."""
    with Locks().hold(folder) as held:
        if not held:
            return False
        asked = closure(asked_for(read_requests(run.root).values()), run.stages_by_key())
        if StageFolder(folder).key in asked:  # a run asks before it takes the lock
            return False
        (folder / DONE).unlink(missing_ok=True)  # first: a stage half removed is not a done one
        for path in folder.iterdir():
            if path.name == LOCK:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        (folder / LOCK).unlink()
        try:
            folder.rmdir()
        except OSError:  # another process has just taken the lock: the folder is its own, and empty
            return False
    return True


def show(root: Path, found: list[Leftover]) -> None:
    """Print what nothing needs, with sizes."""
    for leftover in found:
        print(f"{readable_size(leftover.bytes):>9}  {leftover.path}  ({leftover.what})")
    total = readable_size(sum(leftover.bytes for leftover in found))
    print(f"{total:>9}  in all of {root}, needed by no record and no sweep")
