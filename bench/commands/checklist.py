"""`sfddm-bench checklist`: the reproducibility checklist that conferences ask for."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Folders, folders_of

EXAMPLES = """
sfddm-bench checklist
sfddm-bench checklist runs runs-variants --out paper
"""


def checklist(
    folders: Folders = None,
    out: Annotated[
        Path | None, typer.Option(help="Where checklist.md and checklist.tex go (default: the first folder).")
    ] = None,
) -> None:
    """Fill the reproducibility checklist from records: data, seeds, error bars, compute, hardware, commands."""
    from bench.collected.archive import place_to_write
    from bench.records.record import read_records
    from bench.report.checklist import checklist, latex, markdown
    from bench.store.files import write_text

    given = folders_of(folders)
    answers = checklist(read_records(*given), given)
    to = place_to_write(given, out)
    for question, answer in answers.items():
        print(f"{question}:")
        for line in answer:
            print(f"  {line}")
    for name, text in (("checklist.md", markdown(answers)), ("checklist.tex", latex(answers))):
        write_text(to / name, text)
        print(to / name)
