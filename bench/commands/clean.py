"""`sfddm-bench clean`: remove what nothing needs."""

import sys
from typing import Annotated

import typer

from bench.commands.options import RUNS, Out

EXAMPLES = """
sfddm-bench clean
sfddm-bench clean --out runs --yes
"""


def clean(out: Out = RUNS, yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False) -> None:
    """Show the stages and temporary files that no record and no sweep needs, and remove them when you say so.

    A sweep is a file in sweeps/, a record one in records/: delete what you no longer want of these, and its stages go.
    """
    from bench.upkeep.clean import leftovers, remove, show

    found = leftovers(out)
    if not found:
        print(f"nothing to remove in {out}")
        return
    show(out, found)
    if not yes and not sys.stdin.isatty():
        print("nothing removed: this is no terminal to ask on; remove it with: sfddm-bench clean --yes")
        return
    if yes or typer.confirm("Remove this?"):
        print(f"removed {len(remove(out, found))}")
