"""What else this machine does while something is timed: other processes' share of its processor time."""

import os
from pathlib import Path

CLOCK_TICKS = 100  # a second, of /proc/stat on every Linux
IDLE, IO_WAIT = 3, 4  # places in the first line of /proc/stat
LEAST_TICKS = 20  # fewer of them say nothing


class Neighbours:
    """Begins to look when it is made; `share` tells what others took since then."""

    def __init__(self) -> None:
        self.began = _ticks()

    def share(self) -> float | None:
        """Return the part, 0 to 1, of all cores' time that other processes took; None if it is not known.

        Only Linux says it, and only of more than a fifth of a second of one core.
        """
        ended = _ticks()
        if self.began is None or ended is None:
            return None
        total, busy, own = (after - before for after, before in zip(ended, self.began, strict=True))
        return min(max(busy - own, 0) / total, 1.0) if total >= LEAST_TICKS else None


def _ticks() -> tuple[float, float, float] | None:
    """Return ticks so far: of all cores, of those the ones that were busy, and this process's own."""
    try:
        first = Path("/proc/stat").read_text().splitlines()[0].split()
    except OSError:
        return None
    counts = [int(word) for word in first[1:9]]  # guests' time is in the user's already
    own = os.times()
    total = sum(counts)
    return total, total - counts[IDLE] - counts[IO_WAIT], (own.user + own.system) * CLOCK_TICKS
