"""`sfddm-bench status`: how far the sweeps are."""

from typing import Annotated

import typer

from bench.commands.options import RUNS, Out

EXAMPLES = """
sfddm-bench status
sfddm-bench status --out runs --json
"""


def status(
    out: Out = RUNS,
    as_json: Annotated[bool, typer.Option("--json", help="Print every cell as JSON, for scripts.")] = False,
) -> None:
    """Show which cells of each sweep are done, running, failed and missing (numbers are step counts)."""
    import json

    from rich.console import Console

    from bench.store.requests import read_requests
    from bench.store.text import to_stderr
    from bench.upkeep.status import as_values, show, sweep_status
    from sfddm.errors import InputError

    faults: list[str] = []
    sweeps = read_requests(out, faults.append)
    if faults and not sweeps:
        raise InputError(faults[0])
    for fault in faults:
        to_stderr(f"left out: {fault}")
    if not sweeps:
        raise InputError(f"--out: no sweeps in '{out}'; start one with: sfddm-bench run --out {out}")
    if as_json:
        print(json.dumps([as_values(path, sweep_status(out, sweep)) for path, sweep in sweeps.items()], indent=1))
    else:
        console = Console(width=None if Console().is_terminal else 140, highlight=False)
        for path, sweep in sweeps.items():
            show(console, path, sweep, sweep_status(out, sweep))
