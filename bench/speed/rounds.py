"""How a contest is measured: memory in a process of its own, then time in interleaved rounds.

Every contestant works once a round, so that whatever else the machine does falls on all alike. Two are compared by the
ratio of their seconds within a round; the A/A ratio, of ours to itself, is what remains of noise.
"""

import multiprocessing
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import numpy as np
import torch

from bench.speed.contestants import Build, Contest, Terms, Work
from bench.speed.names import AGAIN, COMPILED, OURS
from bench.store import memory
from bench.store.timing import synchronise, synchronised_seconds
from sfddm.compiling import compiled, forget
from sfddm.performance import set_products
from sfddm.words import on_one_line

UNIT_SECONDS = 0.5  # a timed call does as many units as ours does in this time
LEAST_ROUNDS = 3
RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Ratio:
    """The median of paired ratios, and its bootstrap interval, 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """One contestant's result. `speed_up`: its seconds over ours, so above 1 we are faster; None for ourselves.

    rate: the median, in the contest's unit. outcome: of the speed-up; None for our own. compiled_speed_up: its seconds
    over ours compiled. compile_seconds: of its first call. value: what its work came to, if that is a number. seconds:
    of each round.
    """

    name: str
    rate: float
    parameters: int | None
    peak_bytes: int | None
    speed_up: Ratio | None
    outcome: str | None
    value: float | None
    seconds: list[float]
    compiled_speed_up: Ratio | None = None
    compile_seconds: float = 0.0


@dataclass(frozen=True)
class Result:
    """A contest's rows, the factor below which nothing is told from noise, and who was left out and why."""

    contest: str
    threads: int
    unit: str
    units_per_call: int
    noise_floor: float
    rows: list[Row]
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ready:
    """A contestant that is built and warmed up, its peak memory, what it compiled in, what its first unit came to."""

    work: Work
    peak_bytes: int | None
    compile_seconds: float
    value: object


def compare(contest: Contest, terms: Terms, limit: float, say: Callable[[str], None]) -> Result:
    """Return a contest's result: each contestant's memory in a process of its own, then time within `limit` seconds.

    The threads are set, and stay so; float32 products are exact.
    """
    if terms.threads is not None and terms.threads != torch.get_num_threads():
        torch.set_num_threads(terms.threads)
        forget()  # graphs are compiled for a number of threads
    set_products("fp32")
    ready, failed = _warmed_up(contest, terms, say)
    count = max(1, round(UNIT_SECONDS / _seconds(ready[OURS].work, 1, terms.device)))
    say(f"{contest.name}: rounds of {', '.join(ready)}, {count} at a time, for {limit:g} s")
    calls = {name: partial(_seconds, entry.work, count, terms.device) for name, entry in ready.items()}
    samples = interleaved(calls, limit)
    floor = noise_floor(paired_ratio(samples[AGAIN], samples[OURS]))
    rows = []
    for name, entry in ready.items():
        ratio = None if name == OURS else paired_ratio(samples[name], samples[OURS])
        row = Row(
            name=name,
            rate=contest.per_unit * count / median(samples[name]),
            parameters=entry.work.parameters,
            peak_bytes=entry.peak_bytes,
            speed_up=ratio,
            outcome=None if ratio is None or name in (AGAIN, COMPILED) else outcome(ratio, floor),
            compiled_speed_up=paired_ratio(samples[name], samples[COMPILED]) if COMPILED in samples else None,
            compile_seconds=entry.compile_seconds,
            value=entry.value if isinstance(entry.value, float) else None,
            seconds=samples[name],
        )
        rows.append(row)
    skipped = contest.skipped | failed
    return Result(contest.name, torch.get_num_threads(), contest.unit, count, floor, rows, skipped)


def _warmed_up(contest: Contest, terms: Terms, say: Callable[[str], None]) -> tuple[dict[str, Ready], dict[str, str]]:
    """The contestants after a unit of work each, and those that failed with the reason; our own failure is raised."""
    ready: dict[str, Ready] = {}
    failed: dict[str, str] = {}
    for name, build in contest.builders.items():
        try:
            peak = None
            if contest.memory and name != AGAIN:
                say(f"{contest.name}: memory of {name}")
                peak = peak_memory(build, terms)
            say(f"{contest.name}: warm-up of {name}")
            work = ready[OURS].work if name == AGAIN else build(terms)
            before = compiled.seconds
            value = work.call(1)
            ready[name] = Ready(work, peak, compiled.seconds - before, value)
        except Exception as error:  # another package may fail by itself, such as with a newer SciPy
            if name in (OURS, AGAIN):
                raise
            failed[name] = f"failed: {type(error).__name__}: {on_one_line(error, 120)}"
            say(f"{contest.name}: {name} {failed[name]}")
    return ready, failed


def _seconds(work: Work, count: int, device: str) -> float:
    return synchronised_seconds(lambda: work.call(count), device)


def peak_memory(build: Build, terms: Terms) -> int | None:
    """Return the peak bytes of two units of work: allocated on the GPU, or resident on the CPU (None if unknown).

    It is measured in a process of its own, so that nothing of the other contestants is counted.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_peak, build, terms, torch.get_num_threads()).result()


def _peak(build: Build, terms: Terms, threads: int) -> int | None:
    torch.set_num_threads(threads)
    work = build(terms)
    on_gpu = terms.device.startswith("cuda")
    known = on_gpu or memory.reset_peak_rss()
    work.call(2)
    synchronise(terms.device)
    if on_gpu:
        return torch.cuda.max_memory_allocated(terms.device)
    return memory.peak_rss_bytes() if known else None


def interleaved(
    calls: Mapping[str, Callable[[], float]], limit: float, least: int = LEAST_ROUNDS, seed: int = 0
) -> dict[str, list[float]]:
    """Return every contestant's seconds, one a round: rounds until a time limit in seconds, but at least `least`.

    A call returns its own seconds. The seed draws a new order for every round.
    """
    samples: dict[str, list[float]] = {name: [] for name in calls}
    order, generator, began, rounds = list(calls), random.Random(seed), time.perf_counter(), 0
    while rounds < least or time.perf_counter() - began < limit:
        generator.shuffle(order)
        for name in order:
            samples[name].append(calls[name]())
        rounds += 1
    return samples


def paired_ratio(numerator: Sequence[float], denominator: Sequence[float], seed: int = 0) -> Ratio:
    """Return the ratio of two contestants' seconds of the same rounds; rounds are resampled for the interval."""
    ratios = np.asarray(numerator) / np.asarray(denominator)
    generator = np.random.default_rng(seed)
    drawn = np.median(generator.choice(ratios, (RESAMPLES, len(ratios))), axis=1)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Ratio(float(np.median(ratios)), float(low), float(high))


def noise_floor(again: Ratio) -> float:
    """Return the factor, at least 1, that an A/A comparison cannot tell from none."""
    return max(again.high, 1 / again.low, 1.0)


def outcome(ratio: Ratio, floor: float) -> str:
    """Return `faster`, `slower`, or `within noise` if the interval reaches into the noise floor."""
    if ratio.low > floor:
        return "faster"
    return "slower" if ratio.high < 1 / floor else "within noise"
