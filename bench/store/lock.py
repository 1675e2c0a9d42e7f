"""Locks: which process works on a folder, known to every process of every host that sees it.

A lock is a file `lock` in the folder. On one host the kernel's lock on it decides, and is gone with its process.
Between hosts, whose shared filesystem may not pass locks on, its heartbeat decides: the holder touches the file every
few seconds, and one whose heart stands still for a minute, by the clock of the one who waits, is dead. On systems
without such locks (Windows), the heartbeat alone decides. The file holds random tokens, no host or user name.

A holder that itself stood still cannot know it. So it reads its token back before each file that it writes into the
folder (`sfddm.files.fenced`), before each heartbeat, and before it releases: if the lock is another's, it stops.
"""

import errno
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.store.layout import LOCK
from sfddm.errors import WorkFailed
from sfddm.files import fenced, is_at, kernel_digits

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

BEAT_SECONDS = 5.0
STALE_SECONDS = 60.0
WAIT_SECONDS = 0.05


class TakenOver(WorkFailed):
    """Another process has taken over a folder whose lock this process held."""


@dataclass(frozen=True)
class Held:
    """A lock that is held: its file, the open descriptor of it, and the token that the holder wrote into it."""

    path: Path
    descriptor: int
    token: str

    def is_ours(self) -> bool:
        """Tell whether the file still is the one that was locked, with the holder's token in it."""
        try:
            found = os.open(self.path, os.O_RDONLY)  # opened again, a shared filesystem shows it as it is
        except OSError:
            return False
        try:
            there = os.path.samestat(os.fstat(found), os.fstat(self.descriptor))
            return there and os.pread(found, 100, 0) == self.token.encode()
        except OSError:
            return False
        finally:
            os.close(found)

    def check(self) -> None:
        """Raise TakenOver if the lock is another's by now."""
        if not self.is_ours():
            raise TakenOver(
                f"{self.path.parent}: another process took over while this one stood still; nothing more was written "
                "here; the same command continues once the other has ended"
            )


class Locks:
    """Takes locks, and remembers the heartbeats of others' that it has seen."""

    def __init__(self) -> None:
        self.kernel = kernel_digits()
        self.token = f"{self.kernel} {secrets.token_hex(8)}"
        self.seen: dict[Path, tuple[int, float]] = {}

    @contextmanager
    def hold(self, folder: Path) -> Iterator[bool]:
        """Hold a folder's lock while the block runs; yield False, at once, if another process has it.

        What the block writes into the folder raises TakenOver once another process has taken over.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / LOCK
        descriptor = self._take(path)
        if descriptor is None:
            yield False
            return
        held, ended = Held(path, descriptor, self.token), threading.Event()
        heart = threading.Thread(target=_beat, args=(held, ended), daemon=True)
        heart.start()
        try:
            with fenced(folder, held.check):
                yield True
        finally:
            ended.set()
            heart.join()
            if held.is_ours():
                os.ftruncate(descriptor, 0)  # free, even if it cannot be removed
                with suppress(OSError):
                    path.unlink()  # before the lock goes: who waits for it sees that the file is another's no more
            os.close(descriptor)

    @contextmanager
    def wait_and_hold(self, folder: Path) -> Iterator[None]:
        """Hold a folder's lock while the block runs, after those who have it: for work of less than a second."""
        while True:
            with self.hold(folder) as held:
                if held:
                    yield
                    return
            time.sleep(WAIT_SECONDS)

    def tidy(self, folder: Path) -> None:
        """Remove the lock that a killed process left in a folder in which nothing more is to be done."""
        if (folder / LOCK).exists():
            with self.hold(folder):
                pass

    def _take(self, path: Path) -> int | None:
        while True:
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            except FileNotFoundError:  # the folder has just been removed by who held it
                path.parent.mkdir(parents=True, exist_ok=True)
                continue
            if not _lock(descriptor) or self._beats_elsewhere(descriptor, path):
                os.close(descriptor)
                return None
            if is_at(descriptor, path):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, self.token.encode(), 0)
                return descriptor
            os.close(descriptor)  # its holder has just removed it

    def _beats_elsewhere(self, descriptor: int, path: Path) -> bool:
        """Tell whether a process that our lock does not reach holds the lock."""
        holder = os.pread(descriptor, 100, 0).decode(errors="replace").split()
        if not holder or holder[0] == self.kernel:
            return False
        beat, now = os.fstat(descriptor).st_mtime_ns, time.monotonic()
        if path not in self.seen or self.seen[path][0] != beat:
            self.seen[path] = beat, now
        return now - self.seen[path][1] < STALE_SECONDS


def is_locked(folder: Path) -> bool:
    """Tell whether a process holds a folder's lock now: by the kernel's lock, or by a heartbeat from another host.

    Needs no right to write: another user may look. Of a lock that cannot even be read, the heartbeat alone tells.
    """
    path = folder / LOCK
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        return _beats(path)
    try:
        if not _lock(descriptor, shared=True):
            return True
        holder = os.pread(descriptor, 100, 0).decode(errors="replace").split()
        return bool(holder) and holder[0] != kernel_digits() and _beats(path)
    except OSError:
        return _beats(path)  # a folder in the lock's place, for one
    finally:
        os.close(descriptor)


def _beats(path: Path) -> bool:
    """Tell whether a lock's heart has beaten within the last minute."""
    try:
        return time.time() - path.stat().st_mtime < STALE_SECONDS
    except OSError:
        return False


def _lock(descriptor: int, shared: bool = False) -> bool:
    """Return whether the kernel's lock is ours, or cannot be had by anyone on this filesystem."""
    if fcntl:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


def _beat(held: Held, ended: threading.Event) -> None:
    while not ended.wait(BEAT_SECONDS):
        if not held.is_ours():
            return  # a beat would keep another's lock alive
        with suppress(OSError):
            os.utime(held.descriptor)
