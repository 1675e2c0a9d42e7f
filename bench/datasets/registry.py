"""The datasets by name."""

import difflib
from collections.abc import Callable
from pathlib import Path

from bench.datasets.dataset import Images
from bench.datasets.digits import load_digits
from sfddm.errors import InputError

Loader = Callable[[int, Path | None], Images]

BUILT_IN: dict[str, Loader] = {"digits": load_digits}


def names() -> list[str]:
    """Return the names of all datasets."""
    return list(BUILT_IN)


def load(name: str, resolution: int, data_root: Path | None) -> Images:
    """Return a dataset at a resolution. Raises InputError where it is unknown or not there."""
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        raise InputError(f"--dataset: '{name}' given{hint}, possible: {', '.join(names())}")
    return BUILT_IN[name](resolution, data_root)
