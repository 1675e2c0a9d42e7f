"""`sfddm-bench merge`: the records of several folders in one."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import check_could_write, folders_of

EXAMPLES = """
sfddm-bench merge runs-gpu runs-laptop --out all
sfddm-bench merge theirs.zip runs --out all --keep-first
"""


def merge(
    folders: Annotated[
        list[Path], typer.Argument(help="Run folders, or archives.", metavar="PATH...", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="The folder of the merged records; what it has already stays.")],
    keep_first: Annotated[
        bool, typer.Option("--keep-first", help="Of a cell with two values, keep that of the first folder.")
    ] = False,
) -> None:
    """Put the records of several run folders into one, with their pictures and their provenance; compute nothing."""
    from bench.collected.gathering import gather
    from bench.collected.merging import write_merged
    from bench.store.layout import record_paths
    from sfddm.words import plural

    check_could_write(out)
    given = folders_of(folders)
    there = [out] if out.is_dir() and record_paths(out) else []
    found = gather([*there, *given], keep_first)
    copied = write_merged(found, out)
    again = f", {found.same} of them there again" if found.same else ""
    print(f"{out}: {plural(len(found.records), 'record')}{again}; {plural(copied, 'file')} copied")
    print(f"next: sfddm-bench report {out}")
