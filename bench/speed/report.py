"""The results of `sfddm-bench speed` as a table on the console, as Markdown and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from bench.speed.comparison import Result, Row
from bench.store.files import write_json, write_text
from bench.tables.console import rich_table
from bench.tables.markdown import markdown_table
from bench.tables.table import DASH, Cell, Table

HEAD = ("contestant", "parameters", "rate", "ours is faster by", "95 % interval", "verdict", "peak MiB", "rounds")
EXPLAINED = (
    "Rates are medians over interleaved rounds. `ours is faster by` is the median of its seconds over ours within a round, "
    "with a bootstrap interval; the second row of ours is ours against itself (A/A), and a ratio that the A/A "
    "interval reaches is within noise."
)


def table_of(result: Result) -> Table:
    """Return a part as a table, named with its noise floor; what was not measured is a dash."""
    rows = tuple(tuple(map(Cell, cells(row, result.unit))) for row in result.rows)
    return Table(f"{result.part} (noise floor {result.noise_floor:.3f})", (), HEAD, rows)


def cells(row: Row, unit: str) -> list[str]:
    """Return a row as text; what was not measured is a dash."""
    ratio = row.speed_up
    return [
        row.name,
        DASH if row.parameters is None else f"{row.parameters:,}",
        f"{row.rate:.3g} {unit}",
        DASH if ratio is None else f"{ratio.value:.3f}",
        DASH if ratio is None else f"{ratio.low:.3f} .. {ratio.high:.3f}",
        row.verdict or DASH,
        DASH if row.peak_bytes is None else f"{row.peak_bytes / 2**20:.0f}",
        str(len(row.seconds)),
    ]


def print_results(results: Sequence[Result]) -> None:
    """Print every part as a table on stdout, and who was skipped."""
    console = Console(width=None if Console().is_terminal else 150, highlight=False)
    for result in results:
        table = table_of(result)
        console.print(f"\n[bold]{escape(table.title)}[/bold]")
        console.print(rich_table(table))
        for line in skipped_lines(result):
            console.print(line, markup=False)


def skipped_lines(result: Result) -> list[str]:
    """Return one line for each contestant that was left out."""
    return [f"skipped: {name}: {reason}" for name, reason in result.skipped.items()]


def markdown(results: Sequence[Result], about: str) -> str:
    """Return all parts as Markdown tables under what they were measured on."""
    lines = ["# Speed", "", about, "", EXPLAINED]
    for result in results:
        table = table_of(result)
        lines += ["", f"## {table.title}", "", *markdown_table(table)]
        lines += [part for line in skipped_lines(result) for part in ("", line)]
    return "\n".join(lines) + "\n"


def write_results(folder: Path, results: Sequence[Result], about: dict[str, Any], caption: str) -> list[Path]:
    """Write `speed.md` and `speed.json` (with every round's seconds); return the paths."""
    write_text(folder / "speed.md", markdown(results, caption))
    write_json(folder / "speed.json", about | {"results": [asdict(result) for result in results]})
    return [folder / "speed.md", folder / "speed.json"]
