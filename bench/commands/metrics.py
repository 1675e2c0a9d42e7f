"""`sfddm-bench metrics`: what is measured."""

from typing import Annotated

import typer

from bench.commands.completion import metric_names
from bench.commands.listing import print_list
from bench.metrics import METRICS
from sfddm.errors import InputError

EXAMPLES = """
sfddm-bench metrics
sfddm-bench metrics quality
"""
SUMMARIES = {
    "quality": "how near the images are to real ones: FID or FD, IS, KID, precision, recall, and those of plug-ins",
    "consistency": "how near each image is to the teacher's full-length one of the same latent, in pixels and features",
    "interpolation": "how straight the images go from one latent to another",
    "cost": "seconds, images/s and memory of sampling",
}


def metrics(
    name: Annotated[
        str | None, typer.Argument(help="One group, with its numbers.", metavar="[NAME]", autocompletion=metric_names)
    ] = None,
) -> None:
    """List what is measured, by the groups that --metrics takes; or the numbers of one group, and which end is good."""
    from bench.metrics.groups import numbers_of

    if name is None:
        print_list("metrics, for --metrics", ("name", "what"), [(one, SUMMARIES[one]) for one in METRICS])
        return
    if name not in METRICS:
        raise InputError.unknown("NAME", name, METRICS)
    rows = [(one.path, one.title, one.unit, one.better) for one in numbers_of(name)]
    print(f"{name}: {SUMMARIES[name]}")
    print_list("as in records and CSV files", ("number", "title in tables", "unit", "better"), rows)
