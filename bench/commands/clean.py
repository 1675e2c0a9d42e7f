"""`sfddm-bench clean`: remove what nothing needs."""

import sys
from typing import Annotated

import typer

from bench.commands.options import Folders, folders_of

EXAMPLES = """
sfddm-bench clean
sfddm-bench clean runs runs-smoke --yes
"""


def clean(
    folders: Folders = None, yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False
) -> None:
    """Show the stages and temporary files that no record and no sweep needs, and remove them when you say so.

    A sweep is a file in sweeps/, a record one in records/: delete what you no longer want of these, and its stages go.
    """
    from bench.upkeep.clean import leftovers, remove, show

    there = {run: leftovers(run) for run in folders_of(folders)}
    for run in [run for run, found in there.items() if not found]:
        print(f"nothing to remove in {run}")
    unneeded = {run: found for run, found in there.items() if found}
    if not unneeded:
        return
    for run, found in unneeded.items():
        show(run, found)
    if not yes and not sys.stdin.isatty():
        print("nothing removed: this is no terminal to ask on; remove it with the same command and --yes")
        return
    if yes or typer.confirm("Remove this?"):
        print(f"removed {sum(len(remove(run, found)) for run, found in unneeded.items())}")
