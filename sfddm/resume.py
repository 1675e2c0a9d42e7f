"""Training states on disk, to go on from: written atomically, checked by hash, the one before kept as well."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from sfddm.files import file_sha256, writing

# The name carries the iteration and the start of the file's sha256, so that state and hash come to be in one rename.
NAME = re.compile(r"resume-\d{9}-([0-9a-f]{16})\.pt")
KEPT = 2


def saved_states(folder: Path) -> list[Path]:
    """Return the training states in a folder, the oldest first."""
    return sorted(path for path in folder.glob("resume-*.pt") if NAME.fullmatch(path.name))


def save_state(folder: Path, iteration: int, state: dict[str, Any]) -> None:
    """Write a state of tensors, numbers and containers; only then remove those before the one before. Raises OSError."""
    whole = folder / "resume.new"
    with writing(whole) as file:
        torch.save(state, file)
    os.replace(whole, folder / f"resume-{iteration:09}-{file_sha256(whole)[:16]}.pt")
    for path in saved_states(folder)[:-KEPT]:
        path.unlink()


def load_state(folder: Path, complain: Callable[[str], None]) -> dict[str, Any] | None:
    """Return the newest state that is what was written, or None; each damaged one is named in a line, and removed."""
    for path in reversed(saved_states(folder)):
        match = NAME.fullmatch(path.name)
        assert match
        if file_sha256(path).startswith(match[1]):
            return torch.load(path, map_location="cpu", weights_only=True)
        complain(f"{path}: not what was written (its sha256 differs); going on from the one before it, or anew")
        path.unlink()
    return None
