"""Worker processes that read what may be damaged: one that dies is told in a line, and takes nothing with it."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

from sfddm.errors import InputError

Given = TypeVar("Given")
Result = TypeVar("Result")
AHEAD = 3  # chunks for each worker, so that a slow disk holds up the reading, not the memory


def read_apart(work: Callable[..., Result], *given: Any, what: str) -> Result:
    """Return what a function returns in a process of its own. Raises InputError if the process dies of it."""
    with _workers(1, what) as pool:
        return pool.submit(work, *given).result()


def in_order(
    work: Callable[[Given], Result], chunks: list[Given], begin: Callable[[], None], what: str
) -> Iterator[Result]:
    """Yield the result for each chunk, in order, worked out on all cores; `begin` is called in each worker first."""
    if not chunks:
        return
    count = min(os.cpu_count() or 1, len(chunks))
    with _workers(count, what, begin) as pool:
        waiting: list[Future[Result]] = []
        ahead = iter(chunks)
        for _ in chunks:
            waiting += [pool.submit(work, chunk) for chunk in islice(ahead, AHEAD * count - len(waiting))]
            yield waiting.pop(0).result()


@contextmanager
def _workers(count: int, what: str, begin: Callable[[], None] | None = None) -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(count, initializer=_begin, initargs=(begin,)) as pool:
        try:
            yield pool
        except (BrokenProcessPool, MemoryError):
            raise InputError(
                f"{what}: a process that read it died (a damaged file, or too little memory); repair it or get it again"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin(begin: Callable[[], None] | None) -> None:
    """Let a worker end when the process that started it is killed, and say nothing by itself."""
    warnings.simplefilter("ignore")  # an image is taken or counted as unreadable; libraries' remarks do not help
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what ends
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if begin is not None:
        begin()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)
