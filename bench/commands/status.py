"""`sfddm-bench status`: how far the sweeps are."""

from typing import Annotated

import typer

from bench.commands.options import RUNS, Out

EXAMPLES = "Examples: sfddm-bench status | sfddm-bench status --out runs --json"


def status(
    out: Out = RUNS,
    as_json: Annotated[bool, typer.Option("--json", help="Print every cell as JSON, for scripts.")] = False,
) -> None:
    """Show which cells of each sweep are done, running, failed and missing (numbers are step counts)."""
    from bench.upkeep.status import status_command

    status_command(out, as_json)
