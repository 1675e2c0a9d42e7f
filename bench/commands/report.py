"""`sfddm-bench report`: one HTML page of all records of runs."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Folders, folders_of

EXAMPLES = """
sfddm-bench report
sfddm-bench report runs-smoke --to smoke.html
sfddm-bench report runs runs-variants --to report.html
"""


def report(
    folders: Folders = None,
    to: Annotated[
        Path | None, typer.Option(help="The file to write (default: report.html in the first folder).")
    ] = None,
) -> None:
    """Write verdicts, tables, plots, samples and provenance of all records as one HTML page that needs nothing else.

    Records of several folders decide each claim together, as in `sfddm-bench claims` of the same folders.
    """
    from bench.report.page import write_report

    print(write_report(folders_of(folders), to))
