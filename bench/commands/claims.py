"""`sfddm-bench claims`: the paper's claims, decided from records."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import RUNS

EXAMPLES = "Examples: sfddm-bench claims | sfddm-bench claims results/paper"


def claims(
    folder: Annotated[Path, typer.Argument(help="A folder with records.", metavar="PATH")] = RUNS,
) -> None:
    """Say of each claim of SFDDM's abstract whether the records at hand support it, by which rule, and what is missing."""
    from bench.claims.page import claims_command

    claims_command(folder)
