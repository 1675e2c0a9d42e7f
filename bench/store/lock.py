"""Locks: which process works on a folder, known to every process of every host that sees it.

A lock is a file `lock` in the folder. On one host the kernel's lock on it decides, and is gone with its process.
Between hosts, whose shared filesystem may not pass locks on, its heartbeat decides: the holder touches the file every
few seconds, and one whose heart stands still for a minute, by the clock of the one who waits, is dead. On systems
without such locks (Windows), the heartbeat alone decides. The file holds random tokens, no host or user name.
"""

import errno
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.store.layout import LOCK

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

BEAT_SECONDS = 5.0
STALE_SECONDS = 60.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def kernel_token() -> str:
    """Return a token that all processes under one running kernel share, and others do not; random if there is none."""
    if fcntl and BOOT_ID.exists():
        return hashlib.sha256(BOOT_ID.read_bytes()).hexdigest()[:16]
    return secrets.token_hex(8)


class Locks:
    """Takes locks, and remembers the heartbeats of others' that it has seen."""

    def __init__(self) -> None:
        self.kernel = kernel_token()
        self.token = f"{self.kernel} {secrets.token_hex(8)}"
        self.seen: dict[Path, tuple[int, float]] = {}

    @contextmanager
    def hold(self, folder: Path) -> Iterator[bool]:
        """Hold a folder's lock while the block runs; yield False, at once, if another process has it."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / LOCK
        descriptor = self._take(path)
        if descriptor is None:
            yield False
            return
        ended = threading.Event()
        heart = threading.Thread(target=_beat, args=(descriptor, ended), daemon=True)
        heart.start()
        try:
            yield True
        finally:
            ended.set()
            heart.join()
            os.ftruncate(descriptor, 0)  # free, even if it cannot be removed
            with suppress(OSError):
                path.unlink()  # before the lock goes: who waits for it sees that the file is another's no more
            os.close(descriptor)

    def _take(self, path: Path) -> int | None:
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            if not _lock(descriptor) or self._beats_elsewhere(descriptor, path):
                os.close(descriptor)
                return None
            if _is_at(descriptor, path):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, self.token.encode(), 0)
                return descriptor
            os.close(descriptor)  # its holder has just removed it

    def _beats_elsewhere(self, descriptor: int, path: Path) -> bool:
        """Tell whether a process that our lock does not reach holds the lock."""
        holder = os.pread(descriptor, 100, 0).decode(errors="replace")
        if not holder or holder.split()[0] == self.kernel:
            return False
        beat, now = os.fstat(descriptor).st_mtime_ns, time.monotonic()
        if path not in self.seen or self.seen[path][0] != beat:
            self.seen[path] = beat, now
        return now - self.seen[path][1] < STALE_SECONDS


def is_locked(folder: Path) -> bool:
    """Tell whether a process holds a folder's lock now: by the kernel's lock, or by a heartbeat from another host."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        if not _lock(descriptor):
            return True
        holder = os.pread(descriptor, 100, 0).decode(errors="replace")
        elsewhere = bool(holder) and holder.split()[0] != kernel_token()
        return elsewhere and time.time() - os.fstat(descriptor).st_mtime < STALE_SECONDS
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Return whether the kernel's lock is ours, or cannot be had by anyone on this filesystem."""
    if fcntl:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _beat(descriptor: int, ended: threading.Event) -> None:
    while not ended.wait(BEAT_SECONDS):
        os.utime(descriptor)
