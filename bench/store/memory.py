"""The peak of this process's resident memory, for one pass of work."""

import ctypes
import os
from pathlib import Path


def reset_peak_rss() -> bool:
    """Start a new peak of this process's resident memory; False if the system cannot (only Linux can)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_rss_bytes() -> int:
    """Return the peak resident memory in bytes since the last reset; only if `reset_peak_rss` returned True."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmHWM")


def release_free_memory() -> None:
    """Give memory that is free inside the C library back to the system, so that it is not counted as in use."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)
