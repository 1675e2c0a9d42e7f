"""What a number was measured on: versions, processor, GPU and its settings, command and source revision."""

import os
import platform
import re
import subprocess
import sys
from functools import cache
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
    """Return the processor, threads, GPU, its driver and TF32; host and user names are not among them.

    What belongs to a GPU is None on the CPU.
    """
    import torch

    cuda = device.startswith("cuda")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": device,
        "gpu": torch.cuda.get_device_name(device) if cuda else None,
        "driver": _driver() if cuda else None,
        "cudnn": torch.backends.cudnn.version() if cuda else None,
        "tf32_matmul": torch.get_float32_matmul_precision() != "highest" if cuda else None,
        "tf32_cudnn": torch.backends.cudnn.allow_tf32 if cuda else None,
    }


@cache
def _driver() -> str | None:
    """Return the version of NVIDIA's driver; None if its own tool does not say."""
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        run = subprocess.run(query, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout.split()[0] if run.returncode == 0 and run.stdout.split() else None


def command_line() -> list[str]:
    """Return the words of this process's command, without the names of user and host."""
    return ["sfddm-bench", *map(anonymous, sys.argv[1:])]


def anonymous(text: str) -> str:
    """Return a text with home folders as `~`, and the names of user and host taken out of its paths."""
    text = re.sub(rf"{re.escape(str(Path.home()))}(?=/|\b)|/(?:home|Users)/[^/\s:'\"]+", "~", text)
    for name in {os.environ.get("USER"), os.environ.get("LOGNAME"), platform.node()} - {None, ""}:
        text = re.sub(rf"(?<=/){re.escape(str(name))}(?=/|$)", "_", text)
    return text


@cache
def made_by() -> dict[str, Any]:
    """Return versions and source revision, for whatever is made by this process."""
    return {"versions": versions(), "git": git_revision()}


def git_revision() -> dict[str, Any]:
    """Return the revision of this source tree and whether it has uncommitted changes; nulls if there is no git."""
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
