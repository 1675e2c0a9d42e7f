"""What a number was measured on: versions, processor, GPU, and the peak memory of a pass."""

import os
import platform
import re
import resource
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "clean-fid", "scikit-learn")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide numbers."""
    import torch

    cuda = (
        {"cuda": torch.version.cuda or "", "cudnn": str(torch.backends.cudnn.version())}
        if torch.cuda.is_available()
        else {}
    )
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}, **cuda}


def machine(device: str) -> dict[str, Any]:
    """Return the processor, threads, memory and GPU; host and user names are not among them."""
    import torch

    gpu = torch.cuda.get_device_name(device) if device.startswith("cuda") else None
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": device,
        "gpu": gpu,
    }


def command_line() -> list[str]:
    """Return the words of this process's command, without the names of user and host."""
    return ["sfddm-bench", *map(anonymous, sys.argv[1:])]


def anonymous(text: str) -> str:
    """Return a text with home folders as `~`, and the names of user and host taken out of its paths."""
    text = re.sub(rf"{re.escape(str(Path.home()))}(?=/|\b)|/(?:home|Users)/[^/\s:'\"]+", "~", text)
    for name in {os.environ.get("USER"), os.environ.get("LOGNAME"), platform.node()} - {None, ""}:
        text = re.sub(rf"(?<=/){re.escape(str(name))}(?=/|$)", "_", text)
    return text


def git_revision() -> dict[str, Any]:
    """Return the revision of this source tree and whether it has uncommitted changes; nulls where there is no git."""
    here = Path(__file__).resolve().parent

    def git(*words: str) -> str | None:
        try:
            run = subprocess.run(
                ["git", "-C", str(here), *words], capture_output=True, text=True, timeout=10, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return run.stdout.strip() if run.returncode == 0 else None

    status = git("status", "--porcelain", "--untracked-files=no")
    return {"revision": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def reset_peak_rss() -> bool:
    """Start a new peak of this process's resident memory; False where the system cannot (only Linux can)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_rss_bytes() -> int:
    """Return the peak resident memory in bytes since the last reset, or since the process began."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
