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
    """Say what is installed, found and missing, each with the command that mends it; exit with 1 if nothing can run."""
    from bench.upkeep.doctor import doctor_command

    raise typer.Exit(doctor_command(data_root, inception_weights, out))
