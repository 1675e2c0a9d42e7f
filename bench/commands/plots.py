"""`sfddm-bench plots`: plots from records."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import RUNS
from bench.commands.tables import Folders

EXAMPLES = "Examples: sfddm-bench plots | sfddm-bench plots results runs-gpu --out paper"


def plots(
    folders: Folders = None,
    out: Annotated[Path | None, typer.Option(help="Where plots/ goes (default: the first folder).")] = None,
) -> None:
    """Write plots of all records in folders as PNG and PDF."""
    from bench.rendering import plots_command

    plots_command(folders or [RUNS], out)
