"""What torchrun tells the processes that it starts. No torch."""

import os


def world_size() -> int:
    """Return how many processes torchrun started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))
