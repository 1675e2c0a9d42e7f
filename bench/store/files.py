"""Texts, JSON and hashes in files; every file is seen whole or not at all."""

import hashlib
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sfddm.files import file_sha256, writing

__all__ = ["digest", "file_sha256", "wait_until_there", "write_bytes", "write_json", "write_text"]

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
