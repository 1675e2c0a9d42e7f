"""What a piece of work costs in a process of its own with one thread: seconds, memory, and how both grow with its size.

    python -m bench.speed.measured MODULE PART SIZE...

prints as JSON what `MODULE.work_of(PART, SIZE...)()` costs; making the work is outside the clock.
"""

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from io import StringIO
from itertools import pairwise
from math import log

from bench.store import memory

LINEAR = 1.1  # the power of the size up to which growth counts as linear, for clocks are not exact

Work = Callable[[], object]


@dataclass(frozen=True)
class Cost:
    """Seconds of one core and of the wall, and the peak memory in bytes above what was resident when the work began.

    peak_bytes: None where the system does not say.
    """

    seconds: float
    wall_seconds: float
    peak_bytes: int | None


@dataclass(frozen=True)
class Measured:
    """What one part cost at one size: (cells,), (images,) or (images, features)."""

    part: str
    size: tuple[int, ...]
    cost: Cost


def cost_of(work: Work) -> Cost:
    """Return what some work costs in this process, beyond what the process has had already; what it prints is lost."""
    memory.release_free_memory()
    known = memory.reset_peak_rss()
    before = memory.peak_rss_bytes() if known else 0
    wall, processor = time.perf_counter(), time.process_time()
    with redirect_stdout(StringIO()):
        work()
    seconds, wall_seconds = time.process_time() - processor, time.perf_counter() - wall
    return Cost(seconds, wall_seconds, memory.peak_rss_bytes() - before if known else None)


def in_a_process(module: str, part: str, *size: object) -> Cost:
    """Return what the work of a module's part costs. Raises CalledProcessError if it fails."""
    command = [sys.executable, "-m", "bench.speed.measured", module, part, *map(str, size)]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=one_thread, stdout=subprocess.PIPE, text=True, check=True)
    return Cost(**json.loads(done.stdout))


def powers(rows: Sequence[Measured]) -> list[float | None]:
    """Return the power of the size by which the seconds grew from the row before; None for the first of a series.

    A row continues the series of the one before it if both are of the same part and only one size has grown.
    """
    found: list[float | None] = [None] * min(len(rows), 1)
    for one, more in pairwise(rows):
        grown = [(a, b) for a, b in zip(one.size, more.size, strict=False) if a != b]
        goes_on = one.part == more.part and len(grown) == 1 and grown[0][0] < grown[0][1]
        found.append(log(more.cost.seconds / one.cost.seconds) / log(grown[0][1] / grown[0][0]) if goes_on else None)
    return found


if __name__ == "__main__":
    work = importlib.import_module(sys.argv[1]).work_of(*sys.argv[2:])
    print(json.dumps(asdict(cost_of(work))))
