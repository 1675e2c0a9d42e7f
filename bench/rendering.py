"""From records to files: the one rendering that `run`, `tables`, `plots` and `verify` share. No torch.

The same records give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.collected.archive import is_unpacked
from bench.records.groups import Group, groups
from bench.records.record import Record, read_records
from bench.store.files import check_writable, digest, file_sha256, read_object, write_json, write_text
from bench.store.layout import RunFolder
from bench.tables.caption import conditions_text, device_text, floor_text, heading, subject, work
from bench.tables.cells import cells_table, csv, frame, summary_frame
from bench.tables.comparison import comparison_frame, comparison_table
from bench.tables.console import print_tables
from bench.tables.latex import latex
from bench.tables.markdown import markdown
from bench.tables.measures import Measure, measures
from bench.tables.outcome import outcome
from bench.tables.published import Series
from bench.tables.summary import by_cell, summarise
from bench.tables.table import Table, summary_table
from sfddm.errors import InputError

DRAWN = ".drawn.json"  # beside the plots: what they were drawn from


@dataclass(frozen=True)
class Rendered:
    """A group's tables: the summaries to read, and the files' texts by ending."""

    title: str
    notes: tuple[str, ...]
    summaries: tuple[Table, ...]
    texts: dict[str, str]


def render(records: Sequence[Record], folder: Path, out: Path) -> list[Path]:
    """Render records, whose pictures are in `folder`, into <out>/tables and <out>/plots; return the paths.

    Plots that were drawn from the very same records and pictures are left as they are: drawing takes seconds.
    """
    found, run = groups(records), RunFolder(out)
    tables, drawn_from = write_tables(found, run.tables), drawing_of(records, folder)
    if (drawn := plots_of(drawn_from, run.plots)) is not None:
        return tables + drawn
    from bench.plots.figures import write_plots  # matplotlib takes half a second to import

    plots = write_plots(found, [folder], run.plots)
    hashes = {path.name: file_sha256(path) for path in plots}
    write_json(run.plots / DRAWN, {"drawn_from": drawn_from, "sha256": hashes})
    return tables + plots


def drawing_of(records: Sequence[Record], folder: Path) -> str:
    """Return the hash of all that plots are drawn from: the set of records, and the pictures beside them."""
    pictures = {str(path.relative_to(folder)): file_sha256(path) for path in sorted(folder.rglob("records/*/*.png"))}
    return digest({"records": sorted(record.model_dump_json() for record in records), "pictures": pictures})


def plots_of(drawn_from: str, plots: Path) -> list[Path] | None:
    """Return the plots in a folder if they were drawn from that and are still as drawn, else None.

    What they were drawn from decides, not the clock: a record that was removed, or copied in, has no later time.
    """
    try:
        drawn = read_object(plots / DRAWN)
        whole = all(file_sha256(plots / name) == sha256 for name, sha256 in drawn["sha256"].items())
        return [plots / name for name in drawn["sha256"]] if whole and drawn["drawn_from"] == drawn_from else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_tables(found: Sequence[Group], folder: Path) -> list[Path]:
    """Write each group's tables: <stem>.md, .tex, .csv (each cell) and -summary.csv; return the paths."""
    paths = []
    for group in found:
        for ending, text in rendered(group).texts.items():
            path = folder / f"{group.stem}{ending}"
            write_text(path, text)
            paths.append(path)
    return paths


def write_published(found: Sequence[Group], folder: Path, series: Sequence[Series]) -> list[Path]:
    """Write <stem>-published.md, .tex and .csv for each group that published values concern; return the paths."""
    paths = []
    for group in found:
        notes = [f"{heading(group)}.", conditions_text(group)]
        table = comparison_table(group, series, notes)
        if table is None:
            continue
        texts = {
            ".md": markdown(f"{heading(group)}: published and ours", [], [table]),
            ".tex": latex([table], f"{group.stem}-published"),
            ".csv": csv(comparison_frame(group, series)),
        }
        for ending, text in texts.items():
            path = folder / f"{group.stem}-published{ending}"
            write_text(path, text)
            paths.append(path)
    return paths


def rendered(group: Group) -> Rendered:
    """Return a group's tables in every form."""
    cells = by_cell(group.records)
    summaries = [summarise(cells, measure) for measure in measures_of(group)]
    summaries = [shown for shown in summaries if shown.rows]
    seeds = sorted({record.seed for record in group.records})
    notes = [conditions_text(group), device_text(group)]
    notes += [text for text in [floor_text(group)] if text]
    tables = tuple(summary_table(shown, seeds) for shown in summaries)
    said = [f"{work(group).capitalize()}.", *notes]
    texts = {
        ".md": markdown(heading(group), notes, [*tables, cells_table(cells)]),
        ".tex": latex(tables, group.stem, subject(group), said, group.first.feature_space),
        ".csv": csv(frame(group.records)),
        "-summary.csv": csv(summary_frame(summaries, group.first)),
    }
    return Rendered(heading(group), tuple(notes), tables, texts)


def measures_of(group: Group) -> list[Measure]:
    """Return the measures that any cell of a group has; none of a group in which all failed."""
    return measures([record for record in group.records if record.failure is None]) if group.cells else []


def print_cells(records: Sequence[Record]) -> None:
    """Print the cells of a run, each with the few numbers that a terminal has room for."""
    for group in groups(records):
        print_tables(heading(group), [cells_table(by_cell(group.records), brief=True)])


def print_outcome(records: Sequence[Record]) -> None:
    """Print a sentence on each group of records: what came out."""
    for group in groups(records):
        if said := outcome(group):
            print(said)


def print_rendered(found: Sequence[Group]) -> None:
    """Print each group's summaries."""
    for group in found:
        shown = rendered(group)
        print_tables("\n".join([shown.title, *shown.notes]), shown.summaries)


def print_published(found: Sequence[Group], series: Sequence[Series]) -> None:
    """Print ours beside the published values, for each group that they concern."""
    for group in found:
        if (table := comparison_table(group, series, [conditions_text(group)])) is not None:
            print_tables(heading(group), [table])


def read_groups(folders: Sequence[Path], out: Path | None) -> tuple[list[Group], Path]:
    """Return the groups of all records in folders, and where they may be rendered: `out`, or the first folder.

    Raises InputError if there are no records, or if they cannot share a table, or if nothing can be written there.
    """
    found = groups(read_records(*folders))
    for group in found:
        by_cell(group.records)
    return found, place_to_write(folders, out)


def place_to_write(folders: Sequence[Path], out: Path | None, option: str = "--out") -> Path:
    """Return where what is made of folders goes: `out`, or the first folder. Raises InputError for an archive."""
    if out is None and is_unpacked(folders[0]):
        raise InputError(
            f"{option}: not given, but {folders[0].name}.zip is an archive, and nothing is written into it"
        )
    return check_writable(out or folders[0], option if out else "PATH")
