"""Training states on disk, to resume from: written atomically, checked by hash, the previous one kept as well."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from sfddm.files import file_sha256, remove, rename, writing
from sfddm.words import on_one_line

# The name carries the iteration and the start of the file's sha256, so that one rename makes both state and hash.
NAME = re.compile(r"resume-\d{9}-([0-9a-f]{16})\.pt")
KEPT = 2


def saved_states(folder: Path) -> list[Path]:
    """Return the training states in a folder, the oldest first."""
    return sorted(path for path in folder.glob("resume-*.pt") if NAME.fullmatch(path.name))


def save_state(folder: Path, iteration: int, state: dict[str, Any]) -> None:
    """Write a state of tensors, numbers and containers; then remove all but it and the previous one. Raises OSError."""
    whole = folder / "resume.new"
    with writing(whole) as file:
        torch.save(state, file)
    rename(whole, folder / f"resume-{iteration:09}-{file_sha256(whole)[:16]}.pt")
    for path in saved_states(folder)[:-KEPT]:
        remove(path)


def load_state(folder: Path, complain: Callable[[str], None]) -> dict[str, Any] | None:
    """Return the newest undamaged state, or None; each damaged one is named in a line by `complain`, and removed."""
    for path in reversed(saved_states(folder)):
        try:
            return _checked(path)
        except ValueError as error:
            complain(f"{path}: {error}; resuming from the previous state, or starting over")
            remove(path)
    return None


def _checked(path: Path) -> dict[str, Any]:
    """Return the state in a file. Raises ValueError saying what is wrong with it; OSError."""
    match = NAME.fullmatch(path.name)
    assert match
    if not file_sha256(path).startswith(match[1]):
        raise ValueError("not what was written (its sha256 differs)")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # of what is no state of ours, torch raises anything
        raise ValueError(f"not a training state ({on_one_line(error, 80)})") from None
    if not isinstance(state, dict):
        raise ValueError(f"not a training state, it holds a {type(state).__name__}")
    return state
