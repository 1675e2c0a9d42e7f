"""The results of `sfddm-bench speed` as a table on the console, as Markdown and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.markup import escape

from bench.speed.contestants import Terms, package_version
from bench.speed.names import COMPILED, MODULES
from bench.speed.rounds import Ratio, Result, Row
from bench.store import provenance
from bench.store.files import write_json, write_text
from bench.tables.console import rich_table
from bench.tables.markdown import markdown_table
from bench.tables.table import DASH, Entry, Table

HEAD = ("contestant", "parameters", "rate", "ours is faster by", "verdict", "ours compiled is by", "peak MiB", "rounds")
EXPLAINED = (
    "All run eager in float32, but for ours compiled, a row of its own. Rates are medians over interleaved rounds. "
    "`ours is faster by` is the median of its seconds over ours within a round, with a 95 % bootstrap interval; the "
    "second row of ours is ours against itself (A/A), and a ratio that the A/A interval reaches is within noise. "
    "Compiling is outside the rounds."
)
JSON_KEYS = {"contest": "part", "outcome": "verdict"}  # of fields that go by another name in speed.json


def print_results(results: Sequence[Result]) -> None:
    """Print every contest as a table on stdout, and who was skipped."""
    console = Console(width=None if Console().is_terminal else 150, highlight=False)
    for result in results:
        table = table_of(result)
        console.print(f"\n[bold]{escape(table.title)}[/bold]")
        console.print(rich_table(table))
        for line in lines_below(result):
            console.print(line, markup=False)


def write_results(folder: Path, results: Sequence[Result], terms: Terms, seconds: float, dataset: str) -> list[Path]:
    """Write `speed.md` and `speed.json` (with every round's seconds); return the paths."""
    write_text(folder / "speed.md", markdown(results, caption_of(terms, dataset)))
    write_json(folder / "speed.json", measured_on(terms, seconds) | {"results": [plain(result) for result in results]})
    return [folder / "speed.md", folder / "speed.json"]


def markdown(results: Sequence[Result], caption: str) -> str:
    """Return all contests as Markdown tables under what they were measured on."""
    lines = ["# Speed", "", caption, "", EXPLAINED]
    for result in results:
        table = table_of(result)
        lines += ["", f"## {table.title}", "", *markdown_table(table)]
        lines += [text for line in lines_below(result) for text in ("", line)]
    return "\n".join(lines) + "\n"


def table_of(result: Result) -> Table:
    """Return a contest as a table, named with its threads and noise floor."""
    rows = tuple(tuple(map(Entry, texts(row, result.unit))) for row in result.rows)
    threads = f"{result.threads} thread{'s' * (result.threads != 1)}"
    return Table(f"{result.contest}, {threads} (noise floor {result.noise_floor:.3f})", (), HEAD, rows)


def texts(row: Row, unit: str) -> list[str]:
    """Return a row as text, one for each of HEAD; what was not measured is a dash."""
    return [
        row.name,
        DASH if row.parameters is None else f"{row.parameters:,}",
        f"{row.rate:.3g} {unit}",
        ratio_text(row.speed_up),
        row.outcome or DASH,
        DASH if row.name == COMPILED else ratio_text(row.compiled_speed_up),
        DASH if row.peak_bytes is None else f"{row.peak_bytes / 2**20:.0f}",
        str(len(row.seconds)),
    ]


def ratio_text(ratio: Ratio | None) -> str:
    """Return a ratio with its interval; a dash if there is none."""
    return DASH if ratio is None else f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"


def lines_below(result: Result) -> list[str]:
    """Return one line for each contestant that was left out, and for each that was compiled."""
    compiled = [f"{row.name}: compiled in {row.compile_seconds:.0f} s" for row in result.rows if row.compile_seconds]
    return [f"skipped: {name}: {reason}" for name, reason in result.skipped.items()] + compiled


def plain(result: Result) -> dict[str, Any]:
    """Return a result as plain values under the keys of speed.json."""
    return asdict(result, dict_factory=lambda fields: {JSON_KEYS.get(name, name): value for name, value in fields})


def measured_on(terms: Terms, seconds: float) -> dict[str, Any]:
    """Return the release and the day, terms, machine, versions and source revision of the numbers, as plain values."""
    packages = {name: package_version(name) for name in MODULES}
    return {
        "version": version("sfddm-bench"),
        "date": datetime.now(UTC).date().isoformat(),
        "setup": {
            "network": terms.network.model_dump(),
            "pixels": terms.resolution,
            "batch": terms.batch,
            "precision": "float32",
            "timesteps": terms.timesteps,
            "defaults": terms.defaults.model_dump(),
            "seconds": seconds,
        },
        "machine": provenance.machine(terms.device),
        "versions": provenance.versions() | {name: found for name, found in packages.items() if found},
        "git": provenance.git_revision(),
    }


def caption_of(terms: Terms, dataset: str) -> str:
    """Return one line that says what was compared on what."""
    machine = provenance.machine(terms.device)
    return (
        f"The network of {dataset} on random {terms.resolution}x{terms.resolution} images, batch {terms.batch}, "
        f"float32, on {machine['gpu'] or machine['processor']}, PyTorch {torch.__version__}."
    )
