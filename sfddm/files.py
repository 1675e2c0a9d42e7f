"""Files that appear whole or not at all, and disk faults that name the file. Nothing else of ours writes a file."""

import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# The name of a file that is being written: that of the file to be, four digits of the running kernel, twelve at random.
# Earlier versions had four at random, which two writers of one file may well share.
TEMPORARY = re.compile(r"\.(.+)\.([0-9a-f]{4})(?:[0-9a-f]{4}|[0-9a-f]{12})\.tmp")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_fences: dict[Path, Callable[[], None]] = {}


@cache
def kernel_digits() -> str:
    """Return the hash of the running kernel's name: the same for all processes that share its locks, else random."""
    if fcntl and BOOT_ID.exists():
        return hashlib.sha256(BOOT_ID.read_bytes()).hexdigest()[:16]
    return secrets.token_hex(8)


@contextmanager
def fenced(folder: Path, check: Callable[[], None]) -> Iterator[None]:
    """Call `check` before a file in a folder is begun, appears, or is removed by this module, while the block runs.

    What `check` raises stops the writing: a process that has lost the right to a folder changes nothing in it.
    """
    _fences[folder] = check
    try:
        yield
    finally:
        del _fences[folder]


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that becomes `path` once it is whole and on disk. A disk fault raises an OSError naming `path`."""
    _pass_fence(path)
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_dead(path.parent, path.name)
        with _begun(temporary) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            _pass_fence(path)
            if not fcntl:
                file.close()  # Windows renames no open file; elsewhere it is locked until it has its name
            os.replace(temporary, path)
        _sync_folder(path.parent)
    except Exception as error:
        fault = disk_fault(error)
        if fault is None:
            raise
        code = fault.errno or errno.ENOSPC  # NumPy reports a short write without one
        raise OSError(code, os.strerror(code), str(path)) from None
    finally:
        with suppress(OSError):  # whatever stopped the writing has been said
            temporary.unlink(missing_ok=True)


def copy(source: Path, path: Path) -> None:
    """Copy a file's bytes, atomically. A disk fault raises an OSError naming `path`."""
    with source.open("rb") as given, writing(path) as file:
        shutil.copyfileobj(given, file, 2**20)


def rename(path: Path, to: Path) -> None:
    """Give a whole file another name in its folder, durably."""
    _pass_fence(to)
    os.replace(path, to)
    _sync_folder(to.parent)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    _pass_fence(path)
    path.unlink(missing_ok=True)


def remove_dead(folder: Path, name: str | None = None) -> None:
    """Remove what processes of this kernel left of writing a file when they were killed, or all files of a folder."""
    try:
        there = os.listdir(folder)  # in a tenth of the time of `glob`: a folder of thousands is listed for each of them
    except OSError:
        return
    for found in there:
        match = TEMPORARY.fullmatch(found) if found.endswith(".tmp") else None
        if match and match[2] == kernel_digits()[:4] and (name is None or match[1] == name):
            with suppress(OSError):  # another process may have removed it, or it is not ours to remove
                remove_unwritten(folder / found)


def remove_unwritten(path: Path) -> bool:
    """Remove a temporary file unless a process under this kernel still writes it; tell whether. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        if fcntl:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not is_at(descriptor, path):
                return False  # another has removed it, and one that writes has begun another under its name
            path.unlink()  # while it is locked: who has just begun it sees that it is gone
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return bool(fcntl)


def is_at(descriptor: int, path: Path) -> bool:
    """Tell whether an open file is the one that stands at a path."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def try_to_write(folder: Path) -> None:
    """Make a folder, and a file in it that is gone again. Raises OSError if that cannot be done."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(folder / "probe")
    remove_dead(folder, "probe")
    try:
        with _begun(temporary) as file:
            file.write(b"\0")  # a full disk makes files, but empty ones
    finally:
        temporary.unlink(missing_ok=True)


def disk_fault(error: BaseException | None) -> OSError | None:
    """Return the OSError that an error is or was caused by (PyTorch wraps it), or None."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def file_sha256(path: Path) -> str:
    """Return a file's sha256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _temporary(path: Path) -> Path:
    """Return the name under which a file is written."""
    return path.with_name(f".{path.name}.{kernel_digits()[:4]}{secrets.token_hex(6)}.tmp")


@contextmanager
def _begun(temporary: Path) -> Iterator[BinaryIO]:
    """Yield a new file, locked as long as it is open: the lock tells the living from the dead."""
    while True:
        file = temporary.open("xb")
        if fcntl:
            with suppress(OSError):  # a filesystem without locks
                fcntl.flock(file, fcntl.LOCK_EX)
        if is_at(file.fileno(), temporary):
            break
        file.close()  # taken for a dead one, and removed, before it was locked
    with file:
        yield file


def _pass_fence(path: Path) -> None:
    for folder, check in list(_fences.items()):
        if path.is_relative_to(folder):
            check()


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a crash of the machine; on Windows a folder cannot be opened, so nothing is done."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
