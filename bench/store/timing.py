"""Clocks: what a run's wall clock went into, and the seconds of one call.

Each part of a run has a clock of its own, none is the remainder of the others. The wall clock runs from the start of
the process to the writing of the parts; Python's own exit comes after it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.store.files import write_json

TIMING = "timing.json"
CLOCK_TICKS = 100  # a second, of /proc/<pid>/stat on every Linux


def seconds_since_start() -> float:
    """Return the seconds since this process began: to a hundredth on Linux, elsewhere its processor time."""
    try:
        started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / CLOCK_TICKS
    except OSError:
        return time.process_time()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


class Timing:
    """The seconds of a run by what they went into, and when this object was made."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def add(self, name: str, seconds: float) -> None:
        """Add seconds to a part."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add the seconds of a block to a part."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - started)

    def write(self, folder: Path) -> Path:
        """Write the parts and the wall clock since the process began; return the path."""
        path = folder / TIMING
        parts = {name: round(seconds, 3) for name, seconds in self.seconds.items()}
        write_json(path, {"wall_seconds": round(seconds_since_start(), 3), "parts": parts})
        return path


def synchronise(device: str) -> None:
    """Wait until a device has done all it was given; nothing on the CPU, which never runs behind."""
    if device.startswith("cuda"):
        import torch  # which the commands that only look at a folder start without

        torch.cuda.synchronize(device)


def synchronised_seconds(call: Callable[[], object], device: str) -> float:
    """Return the seconds of a call, all its work on the device included and none from before it."""
    synchronise(device)
    started = time.perf_counter()
    call()
    synchronise(device)
    return time.perf_counter() - started
