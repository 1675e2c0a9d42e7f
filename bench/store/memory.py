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


def rss_bytes() -> int:
    """Return this process's resident memory in bytes; only on Linux."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def available_bytes() -> int | None:
    """Return the memory that a process can still take, in bytes; None if the system does not say (only Linux does)."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
