"""Interleaved rounds: every contestant once a round, so that whatever else the machine does falls on all alike.

Two contestants are compared by the ratio of their seconds within a round. What is left of noise is the A/A ratio: of
one contestant against itself.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEAST_ROUNDS = 3
RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Ratio:
    """The median of paired ratios, and its bootstrap interval, 95 %."""

    value: float
    low: float
    high: float


def interleaved(
    calls: Mapping[str, Callable[[], float]], limit: float, least: int = LEAST_ROUNDS, seed: int = 0
) -> dict[str, list[float]]:
    """Return every contestant's seconds, one a round; rounds go on until a time limit, but to `least` at the least.

    A call returns its own seconds. The order within a round is drawn anew by the seed.
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


def verdict(ratio: Ratio, floor: float) -> str:
    """Return `faster`, `slower`, or `within noise` where the interval reaches into the noise floor."""
    if ratio.low > floor:
        return "faster"
    return "slower" if ratio.high < 1 / floor else "within noise"
