"""Why a piece of work failed, in one line that a record can keep."""

from bench.store.provenance import anonymous
from sfddm.errors import InputError, NonFiniteLoss
from sfddm.files import disk_fault

LONGEST = 300


class StageFailed(RuntimeError):
    """A stage could not be done; the message is its label and why."""


class Busy(Exception):
    """Another process works on a stage; the message is its label."""


def reason(error: BaseException) -> str:
    """Return one line that says what went wrong, without the names of user and host."""
    fault = disk_fault(error)
    text = str(error)
    if "out of memory" in text.lower() or isinstance(error, MemoryError) or "can't allocate memory" in text:
        text = f"out of memory ({text})" if text else "out of memory"
    elif fault is not None and fault.filename:
        text = f"{fault.filename}: {fault.strerror}"
    elif not isinstance(error, InputError | NonFiniteLoss):  # these are written for the user
        text = f"{type(error).__name__}: {text}"
    return anonymous(" ".join(text.split()))[:LONGEST]
