"""Texts, JSON and hashes in files; every file is seen whole or not at all. Writable folders, nested values."""

import hashlib
import json
import secrets
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich import filesize

from sfddm.errors import InputError
from sfddm.files import file_sha256, writing

__all__ = [
    "check_writable",
    "digest",
    "file_sha256",
    "flat",
    "readable_size",
    "wait_until_there",
    "write_bytes",
    "write_json",
    "write_text",
]

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


def check_writable(folder: Path, option: str = "--out") -> Path:
    """Make a folder and return it. Raises InputError if it cannot be made or written to."""
    probe = folder / f".{secrets.token_hex(4)}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"{option}: '{folder}' given, but it cannot be written ({error.strerror}); name a folder you may write to"
        ) from None
    return folder
