"""What is measured of a cell, one file each: the numbers as a model that declares them, and the pure functions.

METRICS are the names that `run --metrics` takes. Each ends in a stage of its own (`bench/stages/`), which the cell
knows by that name (`bench/run/sweep.py`).
"""

from collections.abc import Iterable

from sfddm.errors import InputError

METRICS = ("quality", "consistency", "interpolation", "cost")
OF_FEATURES = ("quality", "consistency", "interpolation")  # which need a feature space; `pixels` is none for quality


def check_metrics(names: Iterable[str]) -> None:
    """Raise InputError for a name that is no metric's."""
    for name in names:
        if name not in METRICS:
            raise InputError(f"--metrics: '{name}' given, possible: {', '.join(METRICS)}")
