"""`sfddm-bench status`: how far the sweeps are."""

from typing import Annotated

import typer

from bench.commands.options import Folders, folders_of
from sfddm.errors import InputError

EXAMPLES = """
sfddm-bench status
sfddm-bench status runs runs-smoke
sfddm-bench status runs --json
"""


def status(
    folders: Folders = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every cell as JSON, for scripts.")] = False,
) -> None:
    """Show which cells of each sweep are done, running, failed and missing (numbers are step counts)."""
    import json

    from rich.console import Console

    from bench.store.text import to_stderr
    from bench.upkeep.status import as_values, requested, show, sweep_status

    faults: list[str] = []
    sweeps = requested(folders_of(folders), faults.append)
    if not sweeps:
        raise InputError(faults[0])
    for fault in faults:
        to_stderr(f"left out: {fault}")
    if as_json:
        print(json.dumps([as_values(path, sweep_status(run, sweep)) for run, path, sweep in sweeps], indent=1))
    else:
        console = Console(width=None if Console().is_terminal else 140, highlight=False)
        for run, path, sweep in sweeps:
            show(console, path, sweep, sweep_status(run, sweep))
