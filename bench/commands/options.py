"""Options that several commands share, and how comma-separated ones are read. Nothing here imports torch."""

from pathlib import Path
from typing import Annotated

import typer

from bench.config.variants import split_outside_brackets
from sfddm.errors import InputError

DataRoot = Annotated[Path | None, typer.Option("--data-root", help="Where prepared datasets are (else $SFDDM_DATA).")]
Resolution = Annotated[int | None, typer.Option(help="Pixels a side (default: the dataset's).")]
Out = Annotated[Path, typer.Option(help="The folder of stages, records, tables and plots.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
InceptionWeights = Annotated[
    Path | None, typer.Option(help="The Inception-2015 file (else the cache folder's, else downloaded).")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print every stage and cell, compute nothing.")]
Executor = Annotated[str, typer.Option(help="Who does the stages: local (this process) or ray (a cluster's workers).")]
Address = Annotated[
    str | None,
    typer.Option(help="A running Ray cluster: auto, HOST:PORT or ray://HOST:PORT (default: one started here)."),
]
RUNS = Path("runs")


def comma_list(option: str, text: str) -> list[str]:
    """Return the parts of a comma-separated option, in order and without repeats; brackets hold a part together."""
    parts = split_outside_brackets(text)
    if not all(parts):
        raise InputError(f"{option}: '{text}' given, a comma-separated list is possible, such as 1,4,16")
    return list(dict.fromkeys(parts))


def integers(option: str, text: str, least: int) -> list[int]:
    """Return a comma-separated option of whole numbers, each at least `least`."""
    for part in comma_list(option, text):
        if not part.lstrip("-").isdecimal() or int(part) < least:
            raise InputError(f"{option}: '{part}' given, whole numbers from {least} up are possible, such as 1,4,16")
    return [int(part) for part in comma_list(option, text)]
