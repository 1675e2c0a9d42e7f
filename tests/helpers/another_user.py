"""What a user sees who has no rights of his own on a run's folder."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

NOBODY = 65534


@contextmanager
def open_folder() -> Iterator[Path]:
    """Yield a new folder that every user may look into: those that pytest makes are the user's own."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def of_another_user(ask: Callable[[], bool]) -> bool:
    """Return an answer that is asked for without root's rights, which the tests may have: in a process of its own."""
    process = os.fork()
    if process == 0:
        code = 2
        try:
            if os.getuid() == 0:
                os.setuid(NOBODY)
            code = int(ask())
        finally:
            os._exit(code)
    answer = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert answer in (0, 1)
    return bool(answer)
