"""What follows a run as it happens: by the names that `--log` takes, ours and those of other packages. No torch.

A logger is made with the run folder. It is called with each event of this run (bench/store/events.py), as a dict, and
its `close` is called at the end. Another package registers its class under the entry point group
`sfddm_bench.loggers`.
"""

import importlib
from pathlib import Path
from typing import Any, Protocol

from bench.config.plugins import LOGGER_GROUP, plugins
from sfddm.errors import InputError
from sfddm.words import on_one_line

LOGGERS = {"tensorboard": "bench.loggers.tensorboard:TensorBoard"}


class Logger(Protocol):
    """Takes a run's events."""

    def __call__(self, event: dict[str, Any]) -> None:
        """Take one event."""

    def close(self) -> None:
        """Write what is not written yet."""


def check_loggers(names: list[str]) -> None:
    """Raise InputError for a name that is no logger's."""
    possible = [*LOGGERS, *plugins(LOGGER_GROUP, LOGGERS)]
    for name in names:
        if name not in possible:
            raise InputError.unknown("--log", name, possible)


def make_logger(name: str, folder: Path) -> Logger:
    """Return a logger by its name. Raises InputError if it cannot be made."""
    if name in LOGGERS:
        module, _, kind = LOGGERS[name].partition(":")
        made: Logger = getattr(importlib.import_module(module), kind)(folder)
        return made
    plugin = plugins(LOGGER_GROUP, LOGGERS)[name]
    try:
        other: Logger = plugin.load()(folder)
    except InputError:
        raise
    except Exception as error:  # another package's code may raise anything
        fault = on_one_line(error, 120)
        raise InputError(f"--log: '{name}' of {plugin.distribution} cannot begin ({fault})") from None
    return other
