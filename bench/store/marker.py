"""`done.json`, by which a stage says that it is done: what it holds, sealed, and how it is read. No torch.

seconds: that it took; sha256, bytes: of every artefact by relative path; parents: by the name of a stage, the sha256 of
each artefact of it that was read; versions, git: of what made it; threads: of its
process; jobs: how many stages were done at a time, side by side; integrity: the hash of all this.
"""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any

from bench.store.files import parse_json, read_text, write_json
from bench.store.seal import INTEGRITY, fingerprint, sealed
from sfddm.errors import InputError

Marker = dict[str, Any]
WHAT = "done marker"


def write_marker(path: Path, values: Marker) -> None:
    """Write a marker with its seal, atomically."""
    write_json(path, sealed(values))


def read_marker(path: Path) -> Marker:
    """Return a marker. Raises InputError naming the file.

    A marker of a version before there were parents in it has no seal; any other one without it, or with a wrong one, is
    refused.
    """
    text = read_text(path, WHAT)
    values = parse_json(text, path, WHAT)
    if not isinstance(values, dict) or not _hashes(values.get("sha256")):
        raise InputError(f"{path}: not a readable {WHAT} (no sha256 in it)")
    if "parents" in values and INTEGRITY not in values:
        raise InputError(f"{path}: lacks its own hash")
    if INTEGRITY in values and values.pop(INTEGRITY) != fingerprint(text):
        raise InputError(f"{path}: was changed after it was written")
    for name, sound in CHECKS.items():
        if name in values and not sound(values[name]):
            raise InputError(f"{path}: not a readable {WHAT} ({name} is of another type)")
    if not all(map(_inside, values["sha256"])):
        raise InputError(f"{path}: not a readable {WHAT} (it names a file outside its folder)")
    return values


def _hashes(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(sha256, str) for sha256 in value.values())


def _sizes(value: Any) -> bool:
    return isinstance(value, Mapping) and all(type(size) is int for size in value.values())


def _seconds(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < 1e12 and isfinite(value)


def _parents(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_hashes, value.values())) and all(map(_plain, value))


def _plain(name: str) -> bool:
    return name not in ("", ".", "..") and not set(name) & set("/\\\0")


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _count(value: Any) -> bool:
    return type(value) is int and value >= 1


CHECKS = {"seconds": _seconds, "bytes": _sizes, "parents": _parents, "threads": _count, "jobs": _count}
