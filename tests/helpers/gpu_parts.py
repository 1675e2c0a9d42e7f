"""Stand-in parts of the check on a GPU, for a process of its own."""

import os
import time
from typing import Any

from bench.gpu.piece import Earlier, Found, Setup

HANGS = 600  # seconds


def doubles(setup: Setup, earlier: Earlier) -> Found:
    return Found(True, f"on {setup.device}", {"value": 2 * earlier["one"]["value"], "process": os.getpid()})


def raises(*_: Any) -> Found:
    raise RuntimeError("CUDA error: an illegal\nmemory access was encountered")


def dies(*_: Any) -> Found:
    os._exit(7)


def hangs(setup: Setup, _: Earlier) -> Found:
    (setup.folder / "process").write_text(str(os.getpid()))
    time.sleep(HANGS)
    raise AssertionError
