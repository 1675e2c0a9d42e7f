"""The artefacts of a stage's folder: their hashes and sizes, and whether they still are what was written."""

import json
from pathlib import Path
from typing import Any

from bench.store.files import file_sha256

NO_ARTEFACTS = ("log.txt", "claim", "done.json")
SMALL_BYTES = 2**20  # hashed whenever they are looked at


def hash_artefacts(folder: Path) -> dict[str, Any]:
    """Return the sha256 and the size in bytes of every artefact of a folder, by relative path."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in NO_ARTEFACTS]
    names = [path.relative_to(folder).as_posix() for path in paths]
    return {
        "sha256": dict(zip(names, map(file_sha256, paths), strict=True)),
        "bytes": {name: path.stat().st_size for name, path in zip(names, paths, strict=True)},
    }


def read_marker(path: Path) -> dict[str, Any]:
    """Return what a `done.json` says. Raises ValueError where it is none."""
    marker = json.loads(path.read_text())
    if not isinstance(marker, dict) or not isinstance(marker.get("sha256"), dict):
        raise ValueError("no sha256 in it")
    return marker


def fault_of(folder: Path, done: str, every_hash: bool) -> str | None:
    """Return one line, naming the file, on what is wrong with a finished folder; None where all is well.

    Existence and size are checked of all artefacts, the hash of all or only of small ones.
    """
    try:
        marker = read_marker(folder / done)
    except (OSError, ValueError) as error:
        return f"{folder / done}: not readable ({error})"
    sizes = marker.get("bytes", {})
    for name, sha256 in marker["sha256"].items():
        path = folder / name
        if not path.is_file():
            return f"{path}: missing"
        size = path.stat().st_size
        if size != sizes.get(name, size):
            return f"{path}: has {size} bytes, {sizes[name]} were written"
        if (every_hash or size <= SMALL_BYTES) and file_sha256(path) != sha256:
            return f"{path}: not what was written (its sha256 differs)"
    return None
