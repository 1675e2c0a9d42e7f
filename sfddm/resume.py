"""Training states on disk, to resume from: written atomically, checked by hash, the previous one kept as well."""

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch

from sfddm.files import file_sha256, remove, rename, writing
from sfddm.words import on_one_line

# The name carries the iteration and the start of the file's sha256, so that one rename makes both state and hash.
NAME = re.compile(r"resume-\d{9}-([0-9a-f]{16})\.pt")
KEPT = 2


def saved_states(folder: Path) -> list[Path]:
    """Return the training states in a folder, the oldest first."""
    return sorted(path for path in folder.glob("resume-*.pt") if NAME.fullmatch(path.name))


def iterations_there(folder: Path) -> int:
    """Return the iterations of the newest training state in a folder; 0 if there is none."""
    return max(map(iteration_of, saved_states(folder)), default=0)


def iteration_of(path: Path) -> int:
    """Return the iteration that a training state was saved after, as its name has it."""
    return int(path.name.split("-")[1])


def save_state(folder: Path, iteration: int, state: dict[str, Any], abandoned: threading.Event | None = None) -> None:
    """Write a state of tensors, numbers and containers; then remove all but it and the previous one.

    Raises OSError, and Abandoned once that is set: then nothing more is written.
    """
    whole = folder / "resume.new"
    with writing(whole) as file:
        hashed = Hashed(file, abandoned or threading.Event())
        torch.save(state, hashed)  # type: ignore[arg-type]  # it has all of a file that torch uses
    rename(whole, folder / f"resume-{iteration:09}-{hashed.sha256.hexdigest()[:16]}.pt")
    for path in saved_states(folder)[:-KEPT]:
        remove(path)


class Abandoned(Exception):
    """A state was not written to its end, because nobody waits for it."""


class Hashed:
    """A file to write to, which hashes what it is given: nothing is read back for its name."""

    def __init__(self, file: BinaryIO, abandoned: threading.Event):
        self.file, self.abandoned, self.sha256 = file, abandoned, hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Write, unless the writing has been abandoned."""
        if self.abandoned.is_set():
            raise Abandoned
        self.sha256.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        """Flush the file."""
        self.file.flush()


class Writer:
    """Writes states in a thread, one at a time, from copies on the CPU, while the training goes on.

    seconds: what that has cost so far, copying and writing; last: what the last one cost.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.seconds = self.last = 0.0
        self.abandoned = threading.Event()
        self.pool = ThreadPoolExecutor(1)
        self.running: Future[float] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a state is being written."""
        return self.running is not None and not self.running.done()

    def begin(self, iteration: int, state: dict[str, Any]) -> None:
        """Begin to write a state, after the one that is being written; the caller's tensors may change at once.

        Raises what writing the one before raised.
        """
        self.wait()
        started = time.perf_counter()
        copied = on_cpu(state)
        copying = time.perf_counter() - started

        def write() -> float:
            started = time.perf_counter()
            save_state(self.folder, iteration, copied, self.abandoned)
            return copying + time.perf_counter() - started

        self.running = self.pool.submit(write)

    def wait(self) -> None:
        """Wait until the state is written that is being written. Raises what that raised."""
        if self.running is not None:
            self.last = self.running.result()
            self.seconds += self.last
            self.running = None

    def collect(self) -> None:
        """Count the last state if it is written. Raises what writing it raised."""
        if not self.is_busy:
            self.wait()


@contextmanager
def writer(folder: Path) -> Iterator[Writer]:
    """Yield a Writer; when the block ends, its last state is written, and nothing of it runs any more.

    After KeyboardInterrupt nobody waits, and the state that is being written is abandoned.
    """
    own = Writer(folder)
    try:
        yield own
        own.wait()
    except KeyboardInterrupt:
        own.abandoned.set()
        raise
    finally:
        own.pool.shutdown()


def on_cpu(value: Any) -> Any:
    """Return a state with copies of its tensors, on the CPU, laid out as they are; its containers are new as well."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: on_cpu(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(on_cpu(item) for item in value)
    return value


def load_state(folder: Path, complain: Callable[[str], None]) -> dict[str, Any] | None:
    """Return the newest undamaged state, or None; each damaged one is named in a line by `complain`, and removed."""
    for path in reversed(saved_states(folder)):
        try:
            return _checked(path)
        except ValueError as error:
            complain(f"{path}: {error}; resuming from the previous state, or starting over")
            remove(path)
    return None


def _checked(path: Path) -> dict[str, Any]:
    """Return the state in a file. Raises ValueError saying what is wrong with it; OSError."""
    match = NAME.fullmatch(path.name)
    assert match
    if not file_sha256(path).startswith(match[1]):
        raise ValueError("not what was written (its sha256 differs)")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # of what is no state of ours, torch raises anything
        raise ValueError(f"not a training state ({on_one_line(error, 80)})") from None
    if not isinstance(state, dict):
        raise ValueError(f"not a training state, it holds a {type(state).__name__}")
    return state
