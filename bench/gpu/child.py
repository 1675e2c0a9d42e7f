"""A part in a process of its own: what it does to a GPU, a compiler or the memory reaches no other part."""

import multiprocessing
import os
import signal
import traceback
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from bench.gpu.piece import Found, Part, Setup
from sfddm.words import on_one_line


class CutOff(Exception):
    """A part's time was up before it was done."""


class Failed(Exception):
    """A part failed; the message is the reason, in one line."""


def found_by(part: Part, setup: Setup, earlier: Mapping[str, Any], limit: float) -> Found:
    """Return what a part, which can be pickled, found within `limit` seconds. Raises CutOff and Failed.

    No process of the part's is left.
    """
    context = multiprocessing.get_context("spawn")
    mine, its = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(its, part, setup, dict(earlier)))
    process.start()
    its.close()
    try:
        if not mine.poll(limit):
            raise CutOff
        answer = mine.recv()
        process.join(limit)
    except EOFError:
        process.join()
        raise Failed(f"its process ended with exit code {process.exitcode}") from None
    finally:
        with suppress(ProcessLookupError, PermissionError):  # its own children as well
            os.killpg(process.pid or 0, signal.SIGKILL)
        process.kill()  # it may not have come as far as having a group
        process.join()
    if isinstance(answer, str):
        raise Failed(answer)
    assert isinstance(answer, Found)
    return answer


def _work(answer: Connection, part: Part, setup: Setup, earlier: dict[str, Any]) -> None:
    os.setsid()  # a group of its own, so that nothing of it outlives it
    setup.folder.mkdir(parents=True, exist_ok=True)
    try:
        answer.send(part(setup, earlier))
    except Exception as error:  # any, of torch or another package: the other parts go on
        traceback.print_exc()
        answer.send(on_one_line(f"{type(error).__name__}: {error}", 300))
