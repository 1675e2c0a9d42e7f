"""What a shell completes: names of methods, metrics, datasets and sections. Imported only when they are asked for."""

from collections.abc import Iterable
from typing import get_args


def in_list(names: Iterable[str], incomplete: str) -> list[str]:
    """Return a comma-separated list with its last part completed in every way; no name comes twice."""
    before, comma, last = incomplete.rpartition(",")
    taken = before.split(",")
    return [f"{before}{comma}{name}" for name in names if name.startswith(last) and name not in taken]


def method_names(incomplete: str) -> list[str]:
    """Complete the name of a method."""
    from bench.config import methods

    return [name for name in methods.names() if name.startswith(incomplete)]


def method_lists(incomplete: str) -> list[str]:
    """Complete a list of methods."""
    from bench.config import methods

    return in_list(methods.names(), incomplete)


def metric_names(incomplete: str) -> list[str]:
    """Complete the name of a group of metrics."""
    from bench.metrics import METRICS

    return [name for name in METRICS if name.startswith(incomplete)]


def metric_lists(incomplete: str) -> list[str]:
    """Complete a list of groups of metrics."""
    from bench.metrics import METRICS

    return in_list(METRICS, incomplete)


def space_lists(incomplete: str) -> list[str]:
    """Complete a list of feature spaces: those that every dataset may have."""
    return in_list(("inception", "dinov2", "dinov2-vitb14", "clip", "random-cnn"), incomplete)


def dataset_names(incomplete: str) -> list[str]:
    """Complete the name of a dataset."""
    from bench.config.preset import preset_names

    return [name for name in preset_names() if name.startswith(incomplete)]


def section_names(incomplete: str) -> list[str]:
    """Complete the name of a section of settings."""
    from bench.config.described import section_names as names

    return [name for name in names() if name.startswith(incomplete)]


def scale_names(incomplete: str) -> list[str]:
    """Complete the name of a scale."""
    from bench.config.sections import Scale

    return [name for name in get_args(Scale) if name.startswith(incomplete)]
