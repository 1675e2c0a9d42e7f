"""The datasets by name: digits, prepared ones, and those of other packages (entry point group `sfddm_bench.datasets`).

An entry point names a function (resolution, data_root) -> Images; its preset is a TOML file next to it or the
`folder` preset.
"""

from collections.abc import Callable
from pathlib import Path

from bench.config.plugins import DATASET_GROUP, Plugin, plugins
from bench.datasets.catalogue import CATALOGUE
from bench.datasets.dataset import Images, data_root
from bench.datasets.digits import load_digits
from bench.datasets.held_out import hold_out
from bench.datasets.packed import load_packed, prepared, survey
from sfddm.errors import InputError

Loader = Callable[[int, Path | None], Images]


def third_party() -> dict[str, Plugin]:
    """Return the datasets of other packages. Raises InputError if one takes a name of the suite's own."""
    return plugins(DATASET_GROUP, ("digits", *CATALOGUE))


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
    there, faults = survey(data_root(root))
    for manifest in there:
        if manifest.name == name:
            return manifest.dataset
    for folder, fault in faults.items():
        if folder.parent.name == name:
            raise InputError(fault)
    raise InputError.unknown("--dataset", name, names(root))


def prepared_resolutions(name: str, root: Path | None) -> list[int]:
    """Return the resolutions at which a dataset was prepared, the smallest first."""
    return sorted(manifest.resolution for manifest in prepared(data_root(root)) if manifest.name == name)


def load(name: str, resolution: int, root: Path | None, held_out: float) -> Images:
    """Return a dataset at a resolution. Raises InputError if it is not there.

    held_out: the share to keep apart of one that has no test split (`data.held_out`). It has no default: what was
        trained on other images is another teacher.
    """
    definition_name(name, root)
    return hold_out(_whole(name, resolution, root), held_out)


def _whole(name: str, resolution: int, root: Path | None) -> Images:
    if name == "digits":
        return load_digits(resolution, root)
    if name in third_party():
        loader: Loader = third_party()[name].load()
        return loader(resolution, root)
    return load_packed(data_root(root), name, resolution)
