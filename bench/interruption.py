"""Interruption at a moment that suits the work: Ctrl-C and SIGTERM, held back until then."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_back(say: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether an interruption waits; a second one raises KeyboardInterrupt at once.

    One that still waits when the block ends is raised then. Signals reach the main thread alone; elsewhere, none.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    waits = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal waits
        if waits:
            raise KeyboardInterrupt
        waits = True
        say("interrupted: saving; once more to stop at once")

    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield lambda: waits
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if waits:
        raise KeyboardInterrupt
