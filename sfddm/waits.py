"""Where a program waits for a GPU: each such call stops it from running ahead."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

SAID = "synchronizing CUDA operation"  # what torch says of each


@contextmanager
def waits() -> Iterator[list[str]]:
    """Yield a list that, when the block has ended, names the file and line of each wait for a GPU in it, in order.

    By torch's own check (`torch.cuda.set_sync_debug_mode`); without CUDA nothing waits.
    """
    found: list[str] = []
    if not torch.cuda.is_available():
        yield found
        return
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield found
        finally:
            torch.cuda.set_sync_debug_mode(before)
            found += [f"{one.filename}:{one.lineno}" for one in said if SAID in str(one.message)]
