"""Whether a release is slower than an older one: a measurement beside the newest older one on such a machine.

Two measurements are days apart, and a machine is never the same twice. So it is not seconds that are compared, but how
many times as long ours takes as the other packages in the same round: whatever else the machine does falls on all. A
release is not slower if it surely is by less than LEAST, the least slowdown that matters. It is slower if it surely is
by more than the margin: LEAST, or what either measurement could not tell from noise if that is more. All comparisons of
one measurement are a family.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError, model_validator

from bench.speed.names import AGAIN, DEFAULTS, MODULES
from bench.statistics import Estimate, apart, decided
from bench.store.files import read_object
from bench.store.text import printable
from bench.tables.console import print_tables
from bench.tables.table import DASH, Entry, Table
from sfddm.errors import InputError, first_fault
from sfddm.words import plural

LEAST = 1.05  # times the seconds: a release that is slower by less is not worth a verdict
KIND = ("system", "processor", "cores", "device", "gpu")  # of a machine
NAMED = ("python", "torch", "cuda")  # versions whose change is told: it may make ours slower, and is none of ours
SLOWER, NOT_SLOWER, UNDECIDED = "slower", "not slower", "undecided"
FILE = "speed.json"
NOTES = (
    f"With a 95 % interval. Not slower: surely by less than {100 * (LEAST - 1):.0f} %; slower: surely by more than the "
    "margin, which the noise floors of both measurements may widen.",
)
HEAD = ("contest", "ours", "times as long as before", "margin", "outcome")

Seconds = Annotated[float, Field(gt=0)]


class TimedRow(BaseModel):
    """A contestant and its seconds in each round."""

    name: str
    seconds: Annotated[list[Seconds], Field(min_length=1)]


class TimedContest(BaseModel):
    """A contest with some threads, the factor below which it tells nothing from noise, and its contestants' rounds."""

    part: str
    threads: int
    noise_floor: Annotated[float, Field(ge=1)]
    rows: list[TimedRow]

    @model_validator(mode="after")
    def _same_rounds(self) -> "TimedContest":
        if len({len(row.seconds) for row in self.rows}) > 1:
            raise ValueError("its contestants have different numbers of rounds")
        return self

    @property
    def title(self) -> str:
        """The contest with its threads."""
        return f"{self.part}, {plural(self.threads, 'thread')}"

    def logarithms(self) -> dict[str, np.ndarray]:
        """Return each contestant's logarithms of seconds, float64 (rounds,)."""
        return {row.name: np.log(row.seconds) for row in self.rows}


class Measurement(BaseModel):
    """A speed.json: the release and the day of it, what was measured on what, and every round."""

    version: Annotated[str, Field(pattern=r"^\d", max_length=64)]
    date: date
    setup: dict[str, Any]
    machine: dict[str, Any]
    versions: dict[str, str]
    results: list[TimedContest]

    @property
    def release(self) -> tuple[int, ...]:
        """The version as numbers, so that releases have an order."""
        return release_of(self.version)

    def differences(self, other: "Measurement") -> list[str]:
        """Return in what the machine or the settings differ from those of another measurement; none: comparable."""
        kinds = [{name: one.machine.get(name) for name in KIND} for one in (self, other)]
        setups = [{k: v for k, v in one.setup.items() if k not in ("defaults", "seconds")} for one in (self, other)]
        here, there = (kind | setup for kind, setup in zip(kinds, setups, strict=True))
        names = list(dict.fromkeys([*here, *there]))
        return [
            f"{name} ({there.get(name)}, now {here.get(name)})" for name in names if here.get(name) != there.get(name)
        ]


@dataclass(frozen=True)
class Compared:
    """One of our entries in one contest: its logarithm of times as long as before, the margin, what is decided.

    estimate: None if nothing can be compared, with the reason as outcome.
    """

    contest: str
    ours: str
    estimate: Estimate | None
    margin: float
    outcome: str


@dataclass(frozen=True)
class Comparison:
    """A measurement beside an older one, or the reason why there is none. changed: a line for each other version."""

    older: Measurement | None
    reason: str
    rows: tuple[Compared, ...] = ()
    changed: tuple[str, ...] = ()

    @property
    def slower(self) -> list[Compared]:
        """What surely takes longer than in the older release."""
        return [row for row in self.rows if row.outcome == SLOWER]


def release_of(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with; a version in development counts as its release."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, re.sub(r"(\.0+)+$", "", found[0]).split("."))) if found else ()


def read_measurement(path: Path) -> Measurement:
    """Return what is in a speed.json. Raises InputError, naming it, for what is none or has no version and date."""
    try:
        return Measurement.model_validate(read_object(path, "measurement of speed"))
    except ValidationError as error:
        place, fault = first_fault(error)
        raise InputError(f"{path}: not a readable measurement of speed ({place}: {fault})") from None


def read_history(folder: Path) -> list[Measurement]:
    """Return the measurements anywhere in a folder. Raises InputError if it is none, or if one cannot be read."""
    if not folder.is_dir():
        raise InputError(f"--history: '{folder}' given, but there is no such folder; name one with {FILE} in it")
    return [read_measurement(path) for path in sorted(folder.rglob(FILE))]


def compared(new: Measurement, history: Iterable[Measurement]) -> Comparison:
    """Return a measurement beside the newest of an older release that is on the same kind of machine and settings."""
    older = sorted((one for one in history if one.release < new.release), key=lambda one: (one.release, one.date))
    if not older:
        return Comparison(None, f"not comparable: the history has no release older than {new.version}")
    alike = [one for one in older if not new.differences(one)]
    if not alike:
        last = older[-1]
        return Comparison(None, f"not comparable with {last.version}: other {'; '.join(new.differences(last))}")
    before = alike[-1]
    contests = [(now, then) for now in new.results for then in before.results if now.title == then.title]
    rows = [row for now, then in contests for row in pairs(new, now, before, then)]
    if not rows:
        return Comparison(before, f"not comparable with {before.version}: no contest is in both")
    both = [(name, before.versions.get(name), new.versions.get(name)) for name in NAMED]
    changed = tuple(f"{name} {then or DASH} then, {now or DASH} now" for name, then, now in both if then != now)
    return Comparison(before, "", tuple(judged(rows)), changed)


def pairs(new: Measurement, now: TimedContest, before: Measurement, then: TimedContest) -> list[Compared]:
    """Return our entries that a contest has in both measurements, each beside the other packages; not yet decided."""
    here, there = now.logarithms(), then.logarithms()
    both = [name for name in here if name in there]
    others = [name for name in both if name in MODULES and new.versions.get(name) == before.versions.get(name)]
    ours = [name for name in both if name not in MODULES and name != AGAIN]
    if new.setup.get("defaults") != before.setup.get("defaults"):
        ours = [name for name in ours if name != DEFAULTS]
    margin = max(LEAST, now.noise_floor, then.noise_floor)
    if not others:
        reason = "not comparable: no other package has the same version in both"
        return [Compared(now.title, name, None, margin, reason) for name in ours]
    found = []
    for name in ours:
        longer = [rows[name] - np.mean([rows[other] for other in others], axis=0) for rows in (here, there)]
        found.append(Compared(now.title, name, apart(longer[0].tolist(), longer[1].tolist()), margin, ""))
    return found


def judged(rows: Sequence[Compared]) -> list[Compared]:
    """Return comparisons with their outcomes: any is wrongly slower in 2.5 % at most, and as rarely not slower."""
    found = [(row.estimate, row.margin) for row in rows if row.estimate]
    beside_margin = decided([beyond(estimate, margin) for estimate, margin in found], 0.0)
    beside_least = decided([beyond(estimate, LEAST) for estimate, _ in found], 0.0)
    outcomes = iter(
        SLOWER if margin is False else NOT_SLOWER if least else UNDECIDED
        for margin, least in zip(beside_margin, beside_least, strict=True)
    )
    return [replace(row, outcome=next(outcomes)) if row.estimate else row for row in rows]


def beyond(estimate: Estimate, factor: float) -> Estimate:
    """Return an estimate of a logarithm as how far it is above that of a factor."""
    return replace(estimate, mean=estimate.mean - math.log(factor))


def print_comparison(new: Measurement, comparison: Comparison) -> None:
    """Print a comparison on stdout: its table, if anything is in it, and the verdict."""
    before = comparison.older
    if before and comparison.rows:
        rows = tuple(tuple(map(Entry, texts(row))) for row in comparison.rows)
        title = f"{new.version} of {new.date} beside {before.version} of {before.date}"
        print_tables(title, [Table("How many times as long ours takes, beside the others", NOTES, HEAD, rows, names=2)])
    for line in lines_below(comparison):
        print(printable(line))


def texts(row: Compared) -> list[str]:
    """Return a comparison as text, one for each of HEAD; times as long with its 95 % interval."""
    times = DASH if row.estimate is None else f"{math.exp(row.estimate.mean):.3f}"
    if row.estimate and row.estimate.interval:
        low, high = map(math.exp, row.estimate.interval)
        times += f" [{low:.3f}, {high:.3f}]"
    return [row.contest, row.ours, times, f"{row.margin:.3f}", row.outcome]


def lines_below(comparison: Comparison) -> list[str]:
    """Return what a reader is told below the table: versions that changed, and the verdict."""
    if comparison.reason:
        return [comparison.reason]
    outcomes = [row.outcome for row in comparison.rows]
    lines = [f"note: {line}" for line in comparison.changed]
    if comparison.slower:
        named = "; ".join(f"{row.ours} in {row.contest}" for row in comparison.slower)
        return [*lines, f"slower: {named}. Measure again before you believe it; then find out why."]
    if UNDECIDED in outcomes:
        undecided = f"{outcomes.count(UNDECIDED)} of {plural(len(outcomes), 'comparison')} undecided"
        return [*lines, f"nothing is surely slower, but {undecided}; more rounds would tell (--seconds)"]
    return [*lines, "nothing is slower" if NOT_SLOWER in outcomes else "nothing could be compared"]
