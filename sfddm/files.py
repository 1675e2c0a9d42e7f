"""Files that appear whole or not at all, and disk faults that name the file."""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

TEMPORARY = ".*.tmp"  # what a killed process may leave behind


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that becomes `path` once it is whole and on disk. A disk fault raises an OSError naming `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except Exception as error:
        fault = disk_fault(error)
        if fault is None:
            raise
        code = fault.errno or errno.ENOSPC  # NumPy reports a short write without one
        raise OSError(code, os.strerror(code), str(path)) from None
    finally:
        temporary.unlink(missing_ok=True)


def disk_fault(error: BaseException | None) -> OSError | None:
    """Return the OSError that an error is or was caused by (PyTorch wraps it), or None."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a crash of the machine; on Windows a folder cannot be opened, so nothing is done."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def file_sha256(path: Path) -> str:
    """Return a file's sha256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
