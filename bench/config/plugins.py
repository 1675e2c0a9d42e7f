"""What other packages add by entry points: methods, datasets, metrics, feature extractors and loggers. No torch."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from sfddm.errors import InputError
from sfddm.words import on_one_line

METHOD_GROUP, DATASET_GROUP = "sfddm_bench.methods", "sfddm_bench.datasets"
METRIC_GROUP, EXTRACTOR_GROUP = "sfddm_bench.metrics", "sfddm_bench.extractors"
LOGGER_GROUP = "sfddm_bench.loggers"


@dataclass(frozen=True)
class Plugin:
    """One entry point: its name, and the package that it comes from."""

    entry: EntryPoint

    @property
    def name(self) -> str:
        """The name it is registered under."""
        return self.entry.name

    @property
    def distribution(self) -> str:
        """The package with its version, as `my-package 1.0`."""
        package = self.entry.dist
        return f"{package.name} {package.version}" if package else "unknown"

    def load(self) -> Any:
        """Import what the entry point names. Raises InputError if that fails."""
        try:
            return self.entry.load()
        except (Exception, SystemExit) as error:  # another package's code may raise anything
            fault = on_one_line(error, 120)
            raise InputError(
                f"entry point {self.entry.group}: '{self.name}' of {self.distribution} cannot be loaded "
                f"({type(error).__name__}: {fault}); fix or uninstall that package"
            ) from None


def plugins(group: str, taken: Collection[str] = ()) -> dict[str, Plugin]:
    """Return the entry points of a group by name.

    taken: the suite's own names. Raises InputError for a plug-in that has one of them, or the name of another plug-in.
    """
    found: dict[str, Plugin] = {}
    for entry in _entries(group):
        refuse_taken(group, entry.name, taken)
        if entry.name in found:
            both = f"{found[entry.name].distribution} and {Plugin(entry).distribution}"
            raise InputError(f"entry point {group}: '{entry.name}' given by both {both}; uninstall one of them")
        found[entry.name] = Plugin(entry)
    return found


def refuse_taken(group: str, name: str, taken: Collection[str]) -> None:
    """Raise InputError if a plug-in has a name of the suite's own."""
    if name in taken:
        given = f"entry point {group}: '{name}' given"
        raise InputError(f"{given}, but the suite has one of that name; rename the plug-in's")


@cache
def _entries(group: str) -> tuple[EntryPoint, ...]:
    """Return the entry points of a group, looked up once."""
    return tuple(entry_points(group=group))
