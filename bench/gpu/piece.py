"""A piece of the check on a GPU: its parts, each done in one process and kept, and what a part says."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.config.settings import Config
from sfddm.errors import InputError

NOT_ON_CPU = "not measured on cpu"


@dataclass(frozen=True)
class Setup:
    """Where a part runs. small: with tiny networks and few iterations, as on a CPU. folder: for what it writes."""

    device: str
    small: bool
    folder: Path

    @property
    def cuda(self) -> bool:
        """Whether it is a GPU."""
        return self.device.startswith("cuda")

    def digits(self) -> Config:
        """Return the settings of digits, of the demo or as small as they get."""
        return resolve(load_preset("digits"), "smoke" if self.small else "quick", [])

    def cifar10(self) -> Config:
        """Return the settings of CIFAR-10 with the paper's 35.7 M U-Net, or as small as they get."""
        return resolve(load_preset("cifar10"), "smoke" if self.small else "paper", [])


@dataclass(frozen=True)
class Found:
    """What a part found, in a line and as plain values. holds: its target; None where it has none here."""

    holds: bool | None
    said: str
    values: dict[str, Any] = field(default_factory=dict)


Earlier = Mapping[str, Mapping[str, Any]]  # the values of the piece's parts that are done, by their names
Part = Callable[[Setup, Earlier], Found]


@dataclass(frozen=True)
class Piece:
    """Parts by name, in order, and in a line what must hold."""

    target: str
    parts: dict[str, Part]


PIECES = (
    "parity",
    "resume",
    "waits",
    "memory",
    "out_of_memory",
    "processes",
    "graphs",
    "precision",
    "execution",
    "others",
)


def piece(name: str) -> Piece:
    """Return a piece by its name. Raises InputError."""
    if name not in PIECES:
        raise InputError.unknown("--piece", name, PIECES)
    found: Piece = importlib.import_module(f"bench.gpu.{name}").PIECE
    return found
