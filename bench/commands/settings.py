"""`sfddm-bench settings`: what can be set, with its value and what it means."""

from typing import Annotated

import typer

from bench.commands.completion import section_names
from bench.commands.listing import print_list
from bench.commands.options import Dataset, Scale

EXAMPLES = """
sfddm-bench settings
sfddm-bench settings teacher --dataset lsun_church
"""


def settings(
    section: Annotated[
        str | None,
        typer.Argument(help="One section, such as teacher.", metavar="[SECTION]", autocompletion=section_names),
    ] = None,
    dataset: Dataset = "digits",
    scale: Scale = None,
) -> None:
    """List every setting that --set takes, with its value for a dataset and what it means."""
    from bench.config import described

    sections = described.section_names() if section is None else [section]
    for one in sections:
        rows = [(own.name, own.value, own.meaning) for own in described.settings(one, dataset, scale)]
        if rows:
            print_list(f"{one}, of {dataset}", ("setting", "value", "what"), rows)
