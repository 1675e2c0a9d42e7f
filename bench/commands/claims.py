"""`sfddm-bench claims`: the paper's claims, decided from records."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Folders, folders_of, refuse_given
from sfddm.errors import InputError

EXAMPLES = """
sfddm-bench claims
sfddm-bench claims results
sfddm-bench claims runs runs-variants --out paper
sfddm-bench claims results --why 1
sfddm-bench claims --calibration --out paper
"""


def claims(
    folders: Folders = None,
    out: Annotated[
        Path | None, typer.Option(help="Where claims.md and claims.json go (default: the first folder).")
    ] = None,
    why: Annotated[
        int | None,
        typer.Option(metavar="N", help="Print only where the verdict on claim N comes from: cells, ratios, p, power."),
    ] = None,
    calibration: Annotated[
        bool,
        typer.Option("--calibration", help="Write only calibration.md: the rules on students whose answer is known."),
    ] = False,
) -> None:
    """Decide for each claim of SFDDM's abstract whether the records support it, by which rule, and what is missing."""
    if calibration:
        _calibrate(folders, out, why)
    elif why is not None:
        refuse_given({"--out": out}, "with --why, which only prints; leave one out")
        _explain(folders, why)
    else:
        _decide(folders, out)


def _decide(folders: list[Path] | None, out: Path | None) -> None:
    from bench.claims.claims import decide
    from bench.claims.page import as_json, markdown, print_verdicts
    from bench.collected.archive import place_to_write
    from bench.records.record import read_records
    from bench.store.files import write_json, write_text

    given = folders_of(folders)
    verdicts = decide(read_records(*given))
    to = place_to_write(given, out)
    print_verdicts(verdicts)
    write_text(to / "claims.md", markdown(verdicts))
    write_json(to / "claims.json", as_json(verdicts))
    print(to / "claims.md")
    print(to / "claims.json")


def _explain(folders: list[Path] | None, number: int) -> None:
    from bench.claims.claims import CLAIMS, decide
    from bench.claims.why import why
    from bench.records.record import read_records

    numbers = [claim.number for claim in CLAIMS]
    if number not in numbers:
        raise InputError(f"--why: {number} given, possible: {', '.join(map(str, numbers))}")
    print(why(decide(read_records(*folders_of(folders)))[numbers.index(number)]))


def _calibrate(folders: list[Path] | None, out: Path | None, number: int | None) -> None:
    from bench.claims.calibration import page
    from bench.claims.page import CALIBRATION
    from bench.collected.archive import place_to_write
    from bench.store.files import write_text

    refuse_given({"--why": number}, "with --calibration; possible: one of the two")
    if out is not None:
        refuse_given({"PATH": folders}, "with --calibration, which reads no records, and --out; leave one out")
    to = place_to_write([] if out else folders_of(folders), out)
    text = page()
    print(text)
    write_text(to / CALIBRATION, text)
    print(to / CALIBRATION)
