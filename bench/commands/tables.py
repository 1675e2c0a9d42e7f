"""`sfddm-bench tables`: tables from records."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import RUNS

EXAMPLES = (
    "Examples: sfddm-bench tables | sfddm-bench tables runs --published | "
    "sfddm-bench tables results runs-gpu --out paper"
)

Folders = Annotated[list[Path] | None, typer.Argument(help="Folders with records (default: runs).", show_default=False)]


def tables(
    folders: Folders = None,
    out: Annotated[Path | None, typer.Option(help="Where tables/ goes (default: the first folder).")] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Also ours beside the published values, with a verdict for each.")
    ] = False,
) -> None:
    """Write tables of all records in folders as Markdown, LaTeX and CSV, and print them."""
    from bench.rendering import tables_command

    tables_command(folders or [RUNS], out, published)
