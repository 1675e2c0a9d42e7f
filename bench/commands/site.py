"""`sfddm-bench site`: a static site of the records of runs."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Folders, check_could_write, folders_of

EXAMPLES = """
sfddm-bench site
sfddm-bench site results --out public
sfddm-bench site runs more-runs.zip --out public
"""


def site(
    folders: Folders = None,
    out: Annotated[
        Path, typer.Option(help="The folder of the site: a new or empty one, or that of a site, which is replaced.")
    ] = Path("site"),
) -> None:
    """Write a page for each data set and an index, as files that any static host can serve and a browser open.

    Tables of all cells filter by method, steps, budget, device, origin and protocol version; a view can be linked.
    """
    check_could_write(out)

    from bench.report.site import write_site
    from bench.store.text import to_stderr

    for path in write_site(folders_of(folders), out, to_stderr):
        print(path)
