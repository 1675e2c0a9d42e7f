"""Student's t: the interval of a mean of few values, as tables, verdicts and the jackknife have it. No torch."""

import math
from collections.abc import Sequence
from statistics import stdev

from scipy.special import stdtrit  # scipy.stats takes a second to import

LEVEL = 0.95


def quantile(degrees: int) -> float:
    """Return how many standard errors wide each half of the 95 % interval is."""
    return float(stdtrit(degrees, (1 + LEVEL) / 2))


def half_of_mean(values: Sequence[float]) -> float:
    """Return half the width of the 95 % interval of the mean of two values or more."""
    return quantile(len(values) - 1) * stdev(values) / math.sqrt(len(values))
