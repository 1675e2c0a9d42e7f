"""The measuring of a part: contestants built side by side, warmed up, and timed in interleaved rounds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from statistics import median

from bench.speed.contestants import AGAIN, OURS, Part, SetUp, Work
from bench.speed.memory import peak_memory
from bench.speed.rounds import Ratio, interleaved, noise_floor, paired_ratio, verdict
from bench.store.timing import synchronised_seconds

UNIT_SECONDS = 0.5  # a timed call does as many units as ours does in this time


@dataclass(frozen=True)
class Row:
    """One contestant's result. `speed_up`: its seconds over ours, so above 1 we are faster; None for ourselves.

    rate: the median, in the part's unit. value: what its work came to, where that is a number. seconds: of each round.
    """

    name: str
    rate: float
    parameters: int | None
    peak_bytes: int | None
    speed_up: Ratio | None
    verdict: str | None
    value: float | None
    seconds: list[float]


@dataclass(frozen=True)
class Result:
    """A part's rows, the factor below which nothing is told from noise, and who was left out and why."""

    part: str
    unit: str
    units_per_call: int
    noise_floor: float
    rows: list[Row]
    skipped: dict[str, str] = field(default_factory=dict)


def compare(part: Part, setup: SetUp, limit: float, say: Callable[[str], None]) -> Result:
    """Return a part's result: memory of each contestant in a process of its own, then time within a limit of seconds."""
    peaks: dict[str, int | None] = {}
    works: dict[str, Work] = {}
    values: dict[str, object] = {}
    skipped = dict(part.skipped)
    for name, build in part.builders.items():
        try:
            if part.memory and name != AGAIN:
                say(f"{part.name}: memory of {name}")
                peaks[name] = peak_memory(build, setup)
            say(f"{part.name}: warm-up of {name}")
            work = works[OURS] if name == AGAIN else build(setup)
            values[name] = work.call(1)
        except Exception as error:  # another package's own failure, such as with a newer SciPy, is said
            if name in (OURS, AGAIN):
                raise
            skipped[name] = f"failed: {type(error).__name__}: {' '.join(str(error).split())[:120]}"
        else:
            works[name] = work
    count = max(1, round(UNIT_SECONDS / _seconds(works[OURS], 1, setup.device)))
    say(f"{part.name}: rounds of {', '.join(works)}, {count} at a time, for {limit:g} s")
    samples = interleaved({name: partial(_seconds, work, count, setup.device) for name, work in works.items()}, limit)
    floor = noise_floor(paired_ratio(samples[AGAIN], samples[OURS]))
    rows = []
    for name, seconds in samples.items():
        ratio = None if name == OURS else paired_ratio(seconds, samples[OURS])
        said = None if ratio is None or name == AGAIN else verdict(ratio, floor)
        value = values[name]
        rows.append(Row(name, part.per_unit * count / median(seconds), works[name].parameters, peaks.get(name), ratio,
                        said, value if isinstance(value, float) else None, seconds))  # fmt: skip
    return Result(part.name, part.unit, count, floor, rows, skipped)


def _seconds(work: Work, count: int, device: str) -> float:
    return synchronised_seconds(lambda: work.call(count), device)
