"""The clock of a call: all its work on the device is waited for."""

import time
from collections.abc import Callable

import torch


def synchronise(device: str) -> None:
    """Wait until a device has done all it was given; nothing on the CPU, which never runs behind."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def synchronised_seconds(call: Callable[[], object], device: str) -> float:
    """Return the seconds of a call, all its work on the device included and none from before it."""
    synchronise(device)
    started = time.perf_counter()
    call()
    synchronise(device)
    return time.perf_counter() - started
