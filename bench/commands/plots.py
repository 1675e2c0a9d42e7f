"""`sfddm-bench plots`: plots from records."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Folders, folders_of

EXAMPLES = """
sfddm-bench plots
sfddm-bench plots results runs-gpu --out paper
"""


def plots(
    folders: Folders = None,
    out: Annotated[Path | None, typer.Option(help="Where plots/ goes (default: the first folder).")] = None,
) -> None:
    """Write plots of all records in folders as PNG and PDF."""
    from bench.plots.figures import write_plots
    from bench.rendering import read_groups
    from bench.store.layout import RunFolder

    given = folders_of(folders)
    found, to = read_groups(given, out)
    for path in write_plots(found, given, RunFolder(to).plots):
        print(path)
