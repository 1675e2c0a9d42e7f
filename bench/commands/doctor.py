"""`sfddm-bench doctor`: what this machine has and lacks."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import RUNS, DataRoot, Out

EXAMPLES = "Examples: sfddm-bench doctor | sfddm-bench doctor --data-root /data --out /scratch/runs"


def doctor(
    data_root: DataRoot = None,
    inception_weights: Annotated[Path | None, typer.Option(help="The Inception-2015 file to check.")] = None,
    out: Out = RUNS,
) -> None:
    """Say what is installed, found and missing, each with the command that fixes it; exit with 1 if nothing can run."""
    from rich.console import Console

    from bench.upkeep.doctor import BROKEN, COLOURS, examine

    console, broken = Console(highlight=False), 0
    for line in examine(data_root, inception_weights, out):
        broken += line.mark == BROKEN
        colour = COLOURS[line.mark]
        console.print(f"[{colour}]{line.mark}[/] [bold]{line.about:22}[/]", end=" ")
        console.print(line.found, markup=False, soft_wrap=True)
        if line.fix:
            console.print(f"{'':26}fix: {line.fix}", style=colour, markup=False, soft_wrap=True)
    if broken:
        console.print(f"[red]{broken} broken: no run can work until that is fixed[/]")
        raise typer.Exit(1)
    console.print("[green]a digits run can work here:[/] sfddm-bench run --dataset digits --scale smoke")
