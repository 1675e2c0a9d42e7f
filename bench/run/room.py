"""Whether a sweep's images have room at all on this machine: a mistyped number is refused before any work."""

import math
import os
import shutil
from pathlib import Path

from bench.run.sweep import Sweep
from bench.store.files import nearest_there, readable_size
from sfddm.errors import InputError

LEAST_FEATURES = 4 * 64  # bytes of one image's features, float32: those of the smallest classifier


def check_room(sweep: Sweep, out: Path) -> None:
    """Raise InputError if one cell's images fit neither this machine's memory nor the disk of the run folder.

    Compared with all of the disk and all of the memory, not with what is free: a finished run, whose images are there
    already, is never refused.
    """
    count, shape = sweep.context.config.evaluation.images, sweep.context.shape
    each = math.prod(shape) + LEAST_FEATURES  # features are read whole, and images when they are judged
    room = min(shutil.disk_usage(nearest_there(out)).total, memory_bytes() or math.inf)
    if count * each > room:
        most = int(room // each)
        raise InputError(
            f"--images: {count} given, at most {most} possible: {readable_size(count * each)} of images and features a "
            f"cell, this machine's memory and the disk of '{out}' have {readable_size(int(room))}"
        )


def memory_bytes() -> int | None:
    """Return all of this machine's memory in bytes; None if the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
