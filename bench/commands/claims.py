"""`sfddm-bench claims`: the paper's claims, decided from records."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Folders, folders_of

EXAMPLES = """
sfddm-bench claims
sfddm-bench claims results
sfddm-bench claims runs runs-variants --out paper
"""


def claims(
    folders: Folders = None,
    out: Annotated[
        Path | None, typer.Option(help="Where claims.md and claims.json go (default: the first folder).")
    ] = None,
) -> None:
    """Decide for each claim of SFDDM's abstract whether the records support it, by which rule, and what is missing."""
    from bench.claims.claims import decide
    from bench.claims.page import as_json, markdown, print_verdicts
    from bench.records.record import read_records
    from bench.store.files import check_writable, write_json, write_text

    given = folders_of(folders)
    verdicts = decide(read_records(*given))
    to = check_writable(out or given[0], "--out" if out else "PATH")
    print_verdicts(verdicts)
    write_text(to / "claims.md", markdown(verdicts))
    write_json(to / "claims.json", as_json(verdicts))
    print(to / "claims.md")
    print(to / "claims.json")
