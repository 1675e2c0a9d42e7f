"""`sfddm-bench tables`: tables from records."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import completion
from bench.commands.options import Folders, comma_list, folders_of, integers

EXAMPLES = """
sfddm-bench tables
sfddm-bench tables runs --published
sfddm-bench tables runs --steps 1,4 --methods sfddm,pd
sfddm-bench tables results runs-gpu --out paper
"""


def tables(
    folders: Folders = None,
    out: Annotated[Path | None, typer.Option(help="Where tables/ goes (default: the first folder).")] = None,
    steps: Annotated[
        str | None, typer.Option(help="Only these step counts, such as 1,4,16, in files of their own.")
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Only these methods, such as sfddm,pd, in files of their own.", autocompletion=completion.method_lists
        ),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Also ours beside the published values, with a verdict for each.")
    ] = False,
) -> None:
    """Write tables of all records in folders, or of some, as Markdown, LaTeX and CSV, and print them."""
    from bench.rendering import print_published, print_rendered, read_groups, write_published, write_tables
    from bench.store.layout import RunFolder
    from bench.tables.published import published as published_series
    from bench.tables.selection import selection

    chosen = selection(
        None if methods is None else comma_list("--methods", methods),
        None if steps is None else integers("--steps", steps, least=1),
    )
    everything, to = read_groups(folders_of(folders), out)
    found = chosen.of(everything)
    print_rendered(found)
    paths = write_tables(found, RunFolder(to).tables)
    if published:
        series = chosen.of_published(published_series())
        print_published(found, series)
        compared = write_published(found, RunFolder(to).tables, series)
        if not compared:
            print(f"no published values for {', '.join(sorted({group.first.dataset for group in found}))}")
        paths += compared
    for path in paths:
        print(path)
