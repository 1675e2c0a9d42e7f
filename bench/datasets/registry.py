"""The datasets by name: digits, prepared ones, and those of other packages (entry point group `sfddm_bench.datasets`).

An entry point names a function (resolution, data_root) -> Images; its preset is a TOML file next to it or the
`folder` preset.
"""

import difflib
from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from bench.datasets.catalogue import CATALOGUE
from bench.datasets.dataset import Images
from bench.datasets.digits import load_digits
from bench.datasets.location import data_root
from bench.datasets.packed import load_packed, prepared
from sfddm.errors import InputError

Loader = Callable[[int, Path | None], Images]


@cache
def third_party() -> dict[str, Loader]:
    """Return the datasets of other packages."""
    return {entry.name: entry.load() for entry in entry_points(group="sfddm_bench.datasets")}


def names(root: Path | None = None) -> list[str]:
    """Return the names of all datasets, prepared ones under names of their own included."""
    own = [manifest.name for manifest in prepared(data_root(root))]
    return list(dict.fromkeys(["digits", *CATALOGUE, *third_party(), *own]))


def definition_name(name: str, root: Path | None = None) -> str:
    """Return the dataset whose preset a name takes: `cifar10` for a `cifar10-jpeg` that was prepared as cifar10.

    Raises InputError for a name that is neither a dataset nor prepared.
    """
    if name == "digits" or name in CATALOGUE:
        return name
    if name in third_party():
        return "folder"
    for manifest in prepared(data_root(root)):
        if manifest.name == name:
            return manifest.dataset
    near = difflib.get_close_matches(name, names(root), n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    raise InputError(f"--dataset: '{name}' given{hint}, possible: {', '.join(names(root))}")


def load(name: str, resolution: int, root: Path | None) -> Images:
    """Return a dataset at a resolution. Raises InputError where it is not there."""
    definition_name(name, root)
    if name == "digits":
        return load_digits(resolution, root)
    if name in third_party():
        return third_party()[name](resolution, root)
    return load_packed(data_root(root), name, resolution)
