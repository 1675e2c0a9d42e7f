"""Timing calls: until they are warm, often enough, and the batch size at which most images come out.

Limits count the seconds of the timed calls alone, so that what a compiler or a first call takes cuts nothing short.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import numpy as np
import torch

from bench.config.sections import CostSettings

GROUP = 3  # calls whose median is one look
AGREE = 0.02  # relative spread of three such medians, one after the other, that ends the warm-up
MOST_GROUPS = 16
LEAST_REPEATS = 3
LEAST_OF_P95 = 20  # calls: of fewer, the 95th percentile is just the slowest
GAIN = 1.02  # a batch size improves the throughput if it gives this much more
PATIENCE = 2  # batch sizes without a gain that end the search
LEAST_FULL = 2  # calls at the best batch, so that one can be compared with another

Seconds = Callable[[int], float]  # of a call of so many images


@dataclass(frozen=True)
class WarmUp:
    """The first call's seconds, how many calls it took until the medians agreed, and whether they did."""

    first_seconds: float
    calls: int
    stable: bool


def warm_up(seconds_of_call: Callable[[], float], limit: float) -> WarmUp:
    """Call until the medians of three groups of calls in a row agree, or for `limit` seconds after the first call."""
    first, spent = seconds_of_call(), 0.0
    medians: list[float] = []
    stable, calls = False, 1
    while not stable and len(medians) < MOST_GROUPS and spent < limit:
        group = [seconds_of_call() for _ in range(GROUP)]
        spent += sum(group)
        calls += GROUP
        medians.append(median(group))
        last = medians[-3:]
        stable = len(last) == 3 and max(last) - min(last) <= AGREE * min(last)
    return WarmUp(first, calls, stable)


def repeat(seconds_of_call: Callable[[], float], settings: CostSettings) -> list[float]:
    """Return the seconds of `settings.repeats` calls; of fewer, but at least three, if the time limit comes first."""
    samples: list[float] = []
    while len(samples) < LEAST_REPEATS or (len(samples) < settings.repeats and sum(samples) < settings.seconds):
        samples.append(seconds_of_call())
    return samples


def quantiles(samples: list[float]) -> dict[str, float | int | None]:
    """Return the median, quartiles and 95th percentile of seconds, None of fewer than 20, and how many there are."""
    q25, middle, q75, p95 = (float(value) for value in np.quantile(samples, [0.25, 0.5, 0.75, 0.95]))
    many = len(samples) >= LEAST_OF_P95
    return {"median": middle, "q25": q25, "q75": q75, "p95": p95 if many else None, "repeats": len(samples)}


def again(samples: list[float]) -> float:
    """Return the A/A ratio, at least 1: the median seconds of one half of the same calls over that of the other."""
    one, other = median(samples[: len(samples) // 2]), median(samples[len(samples) // 2 :])
    return max(one, other) / min(one, other)


@dataclass
class Throughput:
    """The best batch, full calls there, and how the search went.

    seconds: of full calls of the best batch; curve: images per second by batch, of the short calls; stopped: why no
    larger batch was tried; lower_bound: whether a larger one might have given more.
    """

    batch: int
    curve: dict[int, float]
    stopped: str
    lower_bound: bool
    seconds: list[float] = field(default_factory=list)

    @property
    def images_per_second(self) -> float:
        """Of full calls, by their median."""
        return self.batch / median(self.seconds)


def throughput(short: Seconds, full: Seconds, settings: CostSettings, fits: Callable[[int], bool]) -> Throughput:
    """Return the throughput at the best batch: found with short calls, which do not end by a clock, then timed in full.

    A size is tried once untimed and three times timed. `fits` tells before a size whether memory holds it. The full
    calls are at least two, and three if the time limit allows; if memory does not hold them, half the batch is timed.
    """
    found = search(short, settings, fits)
    while True:
        try:
            found.seconds = [full(found.batch)]
            while len(found.seconds) < LEAST_FULL or (
                len(found.seconds) < GROUP and sum(found.seconds) < settings.seconds
            ):
                found.seconds.append(full(found.batch))
            return found
        except torch.OutOfMemoryError:
            if found.batch == 1:
                raise
            torch.cuda.empty_cache()
            found.batch //= 2
            found.stopped, found.lower_bound = "memory", False


def search(short: Seconds, settings: CostSettings, fits: Callable[[int], bool]) -> Throughput:
    """Return the batch size 1, 2, 4, .. of the best rate of short calls: the smallest within 2 % of the best."""
    curve: dict[int, float] = {}
    size, best, without_gain, stopped = 1, 0.0, 0, ""
    while not stopped:
        try:
            short(size)
            curve[size] = size / median(short(size) for _ in range(GROUP))
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            if not curve:
                raise
            stopped = "memory"
            break
        without_gain = 0 if curve[size] > GAIN * best else without_gain + 1
        best = max(best, curve[size])
        if without_gain >= PATIENCE:
            stopped = "no larger batch was faster"
        elif 2 * size > settings.batch:
            stopped = f"the largest batch, {settings.batch}"
        elif not fits(2 * size):
            stopped = "memory"
        size *= 2
    chosen = next(batch for batch, rate in curve.items() if rate * GAIN >= best)
    unsure = stopped.startswith("the largest") and chosen == max(curve) and len(curve) > 1
    return Throughput(chosen, curve, stopped, unsure or settings.batch == 1)
