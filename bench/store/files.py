"""Texts, JSON and hashes in files: written whole or not at all, read or refused in one line. Writable folders."""

import hashlib
import json
import math
import stat
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich import filesize

from sfddm.errors import InputError
from sfddm.files import file_sha256, try_to_write, writing
from sfddm.words import on_one_line

__all__ = [
    "check_writable",
    "digest",
    "file_sha256",
    "flat",
    "nearest_there",
    "parse_json",
    "read_json",
    "read_object",
    "read_text",
    "readable_size",
    "wait_until_there",
    "write_bytes",
    "write_json",
    "write_text",
]

LARGEST_JSON = 64 * 2**20  # bytes; the largest of ours, the losses of a long training, are some hundred times smaller
DEEPEST_JSON = 50  # of nested values; ours have less than ten
SEEN_SECONDS = 60.0  # after which NFS, as it is usually mounted, shows a file that another host made


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically and durably."""
    with writing(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically and durably."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def read_text(path: Path, what: str = "file") -> str:
    """Return the text of a file. Raises InputError, naming it, for what is no file, not UTF-8, or too large.

    what: the word for what the file should be, for that line.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would never end
            raise InputError(f"{path}: not a readable {what} (it is a folder or a device)")
        with path.open("rb") as file:
            data = file.read(LARGEST_JSON + 1)
        if len(data) > LARGEST_JSON:
            raise InputError(f"{path}: not a readable {what} (it has more than {readable_size(LARGEST_JSON)})")
        return data.decode("utf-8")
    except OSError as error:
        raise InputError(f"{path}: not a readable {what} ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not a readable {what} (no UTF-8 text: {error.reason} at byte {error.start})"
        ) from None


def parse_json(text: str, path: Path, what: str = "file") -> Any:
    """Return the value of a JSON text of a file. Raises InputError, naming it.

    Refused as well: numbers that are none or beyond all bounds, values nested too deep, halves of characters.
    """
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_number)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
        deep = _is_deep(value)
    except RecursionError:
        deep = True
    except ValueError as error:
        raise InputError(f"{path}: not a readable {what} ({on_one_line(error, 120)})") from None
    if deep:
        raise InputError(f"{path}: not a readable {what} (its JSON is nested more than {DEEPEST_JSON} deep)")
    return value


def read_json(path: Path, what: str = "file") -> Any:
    """Return the value in a JSON file. Raises InputError, naming it: see `read_text` and `parse_json`."""
    return parse_json(read_text(path, what), path, what)


def read_object(path: Path, what: str = "file") -> dict[str, Any]:
    """Return the JSON object in a file. Raises InputError, naming it."""
    value = read_json(path, what)
    if not isinstance(value, dict):
        raise InputError(f"{path}: not a readable {what} (a JSON object is needed, not {type(value).__name__})")
    return value


def _is_deep(value: Any) -> bool:
    """Tell whether values are nested deeper than what follows values can follow."""
    level = [value]
    for _ in range(DEEPEST_JSON):
        nested = [one for one in level if isinstance(one, dict | list)]
        level = [inner for one in nested for inner in (one.values() if isinstance(one, dict) else one)]
        if not level:
            return False
    return True


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:20]} is beyond all bounds")
    return value


def wait_until_there(paths: Iterable[Path]) -> None:
    """Wait until this host sees files that other processes wrote: a network filesystem may show them late."""
    ends = time.monotonic() + SEEN_SECONDS
    for path in paths:
        while not path.exists() and time.monotonic() < ends:
            time.sleep(0.1)


def digest(value: Any) -> str:
    """Return the sha256 of a value's canonical JSON, in hexadecimal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values as one level of dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def readable_size(count: int) -> str:
    """Return a size in bytes for people: `12.3 MB`."""
    return filesize.decimal(count)


def nearest_there(path: Path) -> Path:
    """Return a path, or the nearest folder above it that exists."""
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())


def check_writable(folder: Path, option: str = "--out") -> Path:
    """Make a folder and return it. Raises InputError if it cannot be made or written to."""
    try:
        try_to_write(folder)
    except OSError as error:
        raise InputError(
            f"{option}: '{folder}' given, but it cannot be written ({error.strerror}); name a folder you may write to"
        ) from None
    return folder
