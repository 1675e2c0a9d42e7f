"""How many seconds calls take on this machine: tried before the work, and measured while it is done.

They are kept in the run folder, in `speeds.json`, each machine's apart, so that nothing is tried twice. They decide no
number of a record; without the file, or with a damaged one, they are tried again.
"""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.config.settings import Config
from bench.run.work import Calls
from bench.store.files import digest, read_json, write_json
from bench.store.provenance import machine
from sfddm.errors import InputError

SPEEDS = "speeds.json"
WEIGHT = 10.0  # seconds that what was measured by an earlier run counts as: what is measured now soon tells
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Measured(BaseModel):
    """Seconds, and the amount of the calls that took them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    of: str
    how: str
    seconds: Positive
    amount: Positive


class OnMachine(BaseModel):
    """What was measured on one machine; about: the machine, and how it runs networks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: dict[str, Any]
    measured: tuple[Measured, ...]


class Kept(BaseModel):
    """The file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    machines: dict[str, OnMachine] = {}


class Speeds:
    """Seconds, and the amounts that took them, of calls on one machine.

    root: the run folder; about: what besides the calls decides their time.
    """

    def __init__(self, root: Path, about: dict[str, Any]):
        self.path, self.about, self.machine = root / SPEEDS, about, digest(about)[:16]
        self.measured: dict[Calls, tuple[float, float]] = {}
        self.under_way: dict[Calls, tuple[float, float]] = {}  # what the stage that is being done has shown so far
        self.changed = False
        there = read_kept(self.path).machines.get(self.machine)
        for one in there.measured if there else ():
            weight = min(1.0, WEIGHT / one.seconds)
            self.measured[Calls(one.kind, one.of, one.how)] = one.seconds * weight, one.amount * weight

    def knows(self, calls: Calls) -> bool:
        """Tell whether these very calls were tried or measured."""
        return calls in self.measured

    def seconds(self, calls: Calls) -> float | None:
        """Return the seconds of one unit of the calls' amount, or of their like; None if neither was ever made.

        Their like: calls of the same network or features, best of the same kind.
        """
        known = [*self.measured, *self.under_way]
        like = [other for other in known if other == calls]
        like = like or [other for other in known if (other.kind, other.of) == (calls.kind, calls.of)]
        like = like or [other for other in known if other.of == calls.of]
        if not like:
            return None
        found = [pair for one in set(like) for pair in (self.measured.get(one), self.under_way.get(one)) if pair]
        return sum(seconds for seconds, _ in found) / sum(amount for _, amount in found)

    def add(self, calls: Calls, seconds: float, amount: float) -> None:
        """Take in that an amount of calls took some seconds."""
        if seconds > 0 and amount > 0:
            before = self.measured.get(calls, (0.0, 0.0))
            self.measured[calls] = before[0] + seconds, before[1] + amount
            self.changed = True

    def write(self) -> None:
        """Keep what is new, beside what is of other machines; a disk fault costs no more than another trial."""
        if not self.changed:
            return
        own = [
            Measured(kind=calls.kind, of=calls.of, how=calls.how, seconds=seconds, amount=amount)
            for calls, (seconds, amount) in self.measured.items()
        ]
        machines = read_kept(self.path).machines | {self.machine: OnMachine(about=self.about, measured=tuple(own))}
        with suppress(OSError):
            write_json(self.path, Kept(machines=machines).model_dump(mode="json"))
        self.changed = False


def read_kept(path: Path) -> Kept:
    """Return what a file keeps: nothing, if there is none or it cannot be read."""
    try:
        return Kept.model_validate(read_json(path))
    except (InputError, ValidationError):
        return Kept()


def about_machine(config: Config, device: str, processes: int) -> dict[str, Any]:
    """Return what besides the calls decides how long they take: machine, threads, versions, performance settings."""
    performance = config.performance.on(device).model_dump()
    return {"machine": machine(device), "torch": torch.__version__, "performance": performance, "processes": processes}
