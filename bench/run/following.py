"""Loggers that follow a run: told of each event as it is appended, whichever process made it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bench.loggers import make_logger
from bench.store.events import read_from
from bench.store.layout import RunFolder
from sfddm.words import on_one_line

LOOK_SECONDS = 1.0


@contextmanager
def followed_by(names: Sequence[str], run: RunFolder, say: Callable[[str], None]) -> Iterator[None]:
    """Tell loggers what happens in a run folder while the block runs. Raises InputError for one that cannot begin.

    If a logger fails, that is said once, and it is told nothing more; the run continues.
    """
    if not names:
        yield
        return
    loggers = {name: make_logger(name, run.root) for name in names}
    offset = run.events.stat().st_size if run.events.exists() else 0
    ended = threading.Event()

    def tell() -> None:
        nonlocal offset
        found, offset = read_from(run.events, offset)
        for event in found:
            for name, logger in list(loggers.items()):
                if not _done(name, lambda logger=logger, event=event: logger(event), say):  # type: ignore[misc]
                    del loggers[name]

    def follow() -> None:
        while not ended.wait(LOOK_SECONDS):
            tell()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        tell()
        for name, logger in loggers.items():
            _done(name, logger.close, say)


def _done(name: str, call: Callable[[], None], say: Callable[[str], None]) -> bool:
    """Call a logger, and tell whether it did not fail."""
    try:
        call()
    except Exception as error:  # whatever it is, it is no fault of the run
        say(f"--log {name}: {on_one_line(error, 120)}; the run goes on without it")
        return False
    return True
