"""`sfddm-bench report`: one HTML page of all records of a run."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import RUNS

EXAMPLES = """
sfddm-bench report
sfddm-bench report runs-smoke --out smoke.html
"""


def report(
    path: Annotated[Path, typer.Argument(help="The folder of a run, or of several.")] = RUNS,
    out: Annotated[Path | None, typer.Option(help="The file to write (default: report.html in that folder).")] = None,
) -> None:
    """Write verdicts, tables, plots, samples and provenance of a run as one HTML page that needs nothing else."""
    from bench.report.page import write_report

    print(write_report(path, out))
