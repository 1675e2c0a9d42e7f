"""`sfddm-bench tables`: tables from records."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Folders, folders_of

EXAMPLES = """
sfddm-bench tables
sfddm-bench tables runs --published
sfddm-bench tables results runs-gpu --out paper
"""


def tables(
    folders: Folders = None,
    out: Annotated[Path | None, typer.Option(help="Where tables/ goes (default: the first folder).")] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Also ours beside the published values, with a verdict for each.")
    ] = False,
) -> None:
    """Write tables of all records in folders as Markdown, LaTeX and CSV, and print them."""
    from bench.rendering import print_published, print_rendered, read_groups, write_published, write_tables
    from bench.store.layout import RunFolder

    found, to = read_groups(folders_of(folders), out)
    print_rendered(found)
    paths = write_tables(found, RunFolder(to).tables)
    if published:
        print_published(found)
        compared = write_published(found, RunFolder(to).tables)
        if not compared:
            print(f"no published values for {', '.join(sorted({group.first.dataset for group in found}))}")
        paths += compared
    for path in paths:
        print(path)
