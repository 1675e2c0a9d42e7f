"""`sfddm-bench claims`: the paper's claims, decided from records."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import RUNS

EXAMPLES = """
sfddm-bench claims
sfddm-bench claims results/paper
"""


def claims(
    folder: Annotated[Path, typer.Argument(help="A folder with records.", metavar="PATH")] = RUNS,
) -> None:
    """Decide for each claim of SFDDM's abstract whether the records support it, by which rule, and what is missing."""
    from bench.claims.claims import decide
    from bench.claims.page import as_json, markdown, print_verdicts
    from bench.records.record import read_records
    from bench.store.files import check_writable, write_json, write_text
    from sfddm.errors import InputError

    if not folder.is_dir():
        raise InputError(f"PATH: '{folder}' given, a folder with records is needed, such as runs")
    verdicts = decide(read_records(folder))
    check_writable(folder, "PATH")
    print_verdicts(verdicts)
    write_text(folder / "claims.md", markdown(verdicts))
    write_json(folder / "claims.json", as_json(verdicts))
    print(folder / "claims.md")
    print(folder / "claims.json")
