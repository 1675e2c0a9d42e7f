"""Writing what was gathered into a run folder. Nothing is computed, and what was measured stays."""

from pathlib import Path

from bench.collected.gathering import Gathered
from sfddm.files import copy, remove


def write_merged(gathered: Gathered, out: Path) -> int:
    """Copy the files into a run folder, those that it lacks; return how many were copied.

    A failed record that is in it is removed once the measured one is there: a cell stands in a table once.
    """
    missing = [(file, out / name) for name, file in gathered.files.items() if not _same(file, out / name)]
    for file, path in missing:
        copy(file, path)
    for path in gathered.gone:
        if path.is_relative_to(out):
            remove(path)
    return len(missing)


def _same(file: Path, path: Path) -> bool:
    return path.is_file() and path.stat().st_size == file.stat().st_size and path.read_bytes() == file.read_bytes()
