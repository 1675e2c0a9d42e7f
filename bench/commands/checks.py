"""Checks of what a command was given that need more than its text."""

import importlib.util
from pathlib import Path

from sfddm.errors import InputError

EXECUTORS = ("local", "ray")
CONNECT_SECONDS = 10.0


def check_device(device: str) -> str:
    """Return a device that is there. Raises InputError."""
    import torch

    from sfddm.distributed import world_size

    if device.startswith("cuda:") and world_size() > 1:
        raise InputError(
            f"--device: '{device}' given, possible under torchrun: auto, cpu, cuda (a GPU for each process)"
        )
    there = ["cpu"] + [f"cuda:{i}" for i in range(torch.cuda.device_count())] + ["cuda"] * torch.cuda.is_available()
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device not in there:
        raise InputError(f"--device: '{device}' given, possible here: auto, {', '.join(there)}")
    return device


def check_executor(executor: str, address: str | None, device: str) -> None:
    """Raise InputError for an executor that is not there, and for what is not its own."""
    if executor not in EXECUTORS:
        raise InputError(f"--executor: '{executor}' given, possible: {', '.join(EXECUTORS)}")
    if executor != "ray":
        if address is not None:
            raise InputError(f"--address: '{address}' given, but it is of --executor ray; give both or none")
        return

    from sfddm.distributed import world_size  # with torch, which the help of commands starts without

    if world_size() > 1:
        raise InputError(
            "--executor: 'ray' given under torchrun, possible: local; Ray starts its processes itself, so leave torchrun out"
        )
    if importlib.util.find_spec("ray") is None:
        raise InputError("--executor: 'ray' given, but Ray is not installed; pip install 'sfddm-bench[ray]'")
    if device.startswith("cuda:"):
        raise InputError(
            f"--device: '{device}' given, possible with --executor ray: auto, cpu, cuda (it hands GPUs out)"
        )
    check_answers(address)


def check_answers(address: str | None) -> None:
    """Raise InputError where nothing listens at a cluster's HOST:PORT: Ray itself would try for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return

    import socket  # of no use to other commands, and they start without it

    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"--address: '{address}' given, but no Ray cluster answers there ({error})") from None


def check_writable(folder: Path, option: str = "--out") -> Path:
    """Make a folder and return it. Raises InputError where it cannot be made or written to."""
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"{option}: '{folder}' given, but it cannot be written ({error.strerror}); name a folder you may write to"
        ) from None
    return folder
