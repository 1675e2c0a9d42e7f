"""`sfddm-bench speed`: this suite's speed beside that of other packages."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Device, comma_list
from sfddm.errors import InputError

EXAMPLES = (
    "Examples: sfddm-bench speed | sfddm-bench speed --parts distance --seconds 30 | sfddm-bench speed --dataset digits"
)
PARTS = ("training", "sampling", "distance")


def speed(
    parts: Annotated[str, typer.Option(help="What to measure, such as training,distance.")] = ",".join(PARTS),
    dataset: Annotated[str, typer.Option(help="The dataset whose preset the network is of.")] = "cifar10",
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Override a setting, such as network.dim=32.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Images a batch, the same for all (default: 8 on the CPU, else the preset's).")
    ] = None,
    device: Device = "auto",
    seconds: Annotated[
        float, typer.Option(help="How long each comparison's rounds go on; three rounds are always made.")
    ] = 60.0,
    out: Annotated[Path, typer.Option(help="The folder of speed.md and speed.json.")] = Path("runs/speed"),
) -> None:
    """Measure training, sampling and Frechet distance side by side with other packages; those not installed are skipped."""
    names = comma_list("--parts", parts)
    for name in names:
        if name not in PARTS:
            raise InputError(f"--parts: '{name}' given, possible: {', '.join(PARTS)}")
    if batch is not None and batch < 1:
        raise InputError(f"--batch: {batch} given, a whole number from 1 up is possible")
    if not seconds > 0:
        raise InputError(f"--seconds: {seconds:g} given, a number above 0 is possible")

    from bench.speed.command import speed_command

    speed_command(names, dataset, assignments or [], batch, device, seconds, out)
