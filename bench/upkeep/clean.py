"""What in a run folder no record and no sweep needs, and removing it. No torch here.

Only what has this layout's own names is ever looked at: `stages/<kind>-<key>` and the temporary files of
`bench.files` that an ended process left behind. A stage that a process computes now is never touched.
"""

import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.records.record import read_record, record_paths
from bench.store.lock import is_claimed
from bench.store.requests import SWEEPS, read_wanted
from bench.store.store import DONE, KEY_LENGTH
from sfddm.errors import InputError

STAGE_NAME = re.compile(rf"[a-z][a-z-]*-([0-9a-f]{{{KEY_LENGTH}}})")
PARTS = ("stages", "records", "tables", "plots", SWEEPS)
TEMPORARY = "*.tmp"
WRITING_SECONDS = 3600.0  # a temporary file younger than this may still be written, maybe on another host


@dataclass(frozen=True)
class Leftover:
    """Something that nothing needs: its path, its size in bytes, and what it is."""

    path: Path
    bytes: int
    what: str


def leftovers(root: Path) -> list[Leftover]:
    """Return what in a run folder nothing needs. Raises InputError where a record or sweep cannot say what it needs."""
    if not root.is_dir():
        raise InputError(f"--out: '{root}' given, but there is no such folder")
    needed, folders = needed_keys(root), stage_folders(root)
    gone = [folder for key, folder in folders.items() if key not in needed and not is_claimed(folder)]
    found = [Leftover(folder, size(folder), label(folder)) for folder in gone]
    rest = [path for path in temporaries(root) if not any(path.is_relative_to(folder) for folder in gone)]
    return found + [Leftover(path, size(path), "temporary file") for path in rest]


def stage_folders(root: Path) -> dict[str, Path]:
    """Return the stage folders of a run folder by key; links and folders of other names are left aside."""
    paths = sorted((root / "stages").glob("*-*"))
    named = [(STAGE_NAME.fullmatch(path.name), path) for path in paths if path.is_dir() and not path.is_symlink()]
    return {match[1]: path for match, path in named if match}


def needed_keys(root: Path) -> set[str]:
    """Return the keys of all stages that a record was made from or a sweep asks for, with all that these came from."""
    sweeps = read_wanted(root).values()
    needed = {name.rpartition("-")[2] for sweep in sweeps for cell in sweep.cells for name in cell.stages}
    listed = {root / cell.record for sweep in sweeps for cell in sweep.cells}
    for path in record_paths(root / "records"):
        parents = read_record(path).parents.values()
        if not parents and path not in listed:
            raise InputError(
                f"{path}: does not say which stages it was made from, so nothing can be removed safely; run its command again"
                " to have that on record, or move it elsewhere"
            )
        needed.update(parents)
    return closure(needed, stage_folders(root))


def closure(keys: set[str], folders: dict[str, Path]) -> set[str]:
    """Return keys with those of all their ancestors, as the stages' settings tell them."""
    found, ahead = set(keys), list(keys)
    while ahead:
        folder = folders.get(ahead.pop())
        parents = set(_settings(folder).get("parents", [])) - found if folder else set()
        found |= parents
        ahead.extend(parents)
    return found


def _settings(folder: Path) -> dict:
    try:
        return json.loads((folder / "settings.json").read_text())
    except (OSError, ValueError):
        return {}


def label(folder: Path) -> str:
    """Return what a stage is, in words."""
    unfinished = "" if (folder / DONE).exists() else ", unfinished"
    return _settings(folder).get("label", "stage without settings") + unfinished


def temporaries(root: Path) -> Iterator[Path]:
    """Yield the temporary files that an ended process left in the layout's own folders."""
    for part in PARTS:
        for path in sorted((root / part).rglob(TEMPORARY)):
            old = time.time() - path.lstat().st_mtime > WRITING_SECONDS
            stage = root / part / path.relative_to(root / part).parts[0]
            if path.is_file() and not path.is_symlink() and old and not is_claimed(stage):
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


def readable(count: int) -> str:
    """Return a size in bytes for people: `12.3 MB`."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def show(root: Path, found: list[Leftover]) -> None:
    """Print what nothing needs, with sizes."""
    for leftover in found:
        print(f"{readable(leftover.bytes):>9}  {leftover.path.relative_to(root)}  ({leftover.what})")
    print(f"{readable(sum(leftover.bytes for leftover in found)):>9}  in all, needed by no record and no sweep")
