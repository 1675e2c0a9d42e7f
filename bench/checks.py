"""Checks of what a command was given that need more than its text."""

from pathlib import Path

from sfddm.errors import InputError


def check_device(device: str) -> str:
    """Return a device that is there. Raises InputError."""
    import torch

    there = ["cpu"] + [f"cuda:{i}" for i in range(torch.cuda.device_count())] + ["cuda"] * torch.cuda.is_available()
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device not in there:
        raise InputError(f"--device: '{device}' given, possible here: auto, {', '.join(there)}")
    return device


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
