"""`sfddm-bench verify`: whether results are what they say."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import RUNS, DataRoot, Device
from sfddm.errors import InputError

EXAMPLES = (
    "Examples: sfddm-bench verify | sfddm-bench verify results/ | "
    "sfddm-bench verify runs --recompute metrics --resample 16"
)


class Recomputed(StrEnum):
    """What can be computed again from what is stored."""

    metrics = "metrics"


def verify(
    path: Annotated[Path, typer.Argument(help="A run folder, or a folder of records and tables.")] = RUNS,
    recompute: Annotated[
        Recomputed | None, typer.Option(help="Compute the metrics again from the stored features.")
    ] = None,
    resample: Annotated[
        int | None, typer.Option(help="Sample so many images of each cell again and compare to the pixel.", metavar="N")
    ] = None,
    device: Device = "auto",
    data_root: DataRoot = None,
    inception_weights: Annotated[Path | None, typer.Option(help="The Inception-2015 file that the run had.")] = None,
) -> None:
    """Check hashes of all artefacts, records and tables; name what differs and exit with 3, or say that all is well."""
    if resample is not None and resample < 1:
        raise InputError(f"--resample: {resample} given, a whole number from 1 up is possible")

    from bench.commands.verifying import verify_command

    raise typer.Exit(verify_command(path, recompute is not None, resample, device, data_root, inception_weights))
