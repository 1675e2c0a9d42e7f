"""From records to files: the one rendering that `run`, `tables`, `plots` and `verify` share. No torch.

The same records give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bench.collected.archive import place_to_write
from bench.records.families import families
from bench.records.groups import Group, groups
from bench.records.record import Record, read_records
from bench.records.rows import ordered
from bench.store.files import digest, file_sha256, read_object, write_json, write_text
from bench.store.layout import RunFolder
from bench.tables.caption import (
    conditions_text,
    device_text,
    floor_text,
    heading,
    heading_of_family,
    subject,
    training_text,
    work,
    work_of_family,
)
from bench.tables.cells import cells_table, csv, frame, summary_frame
from bench.tables.comparison import comparison_frame, comparison_table
from bench.tables.console import print_tables
from bench.tables.frontier import Frontier, frontiers
from bench.tables.latex import latex
from bench.tables.least import distance_table, frontier_frame, least_frame, least_table
from bench.tables.markdown import markdown
from bench.tables.measures import Measure, measures
from bench.tables.outcome import outcome
from bench.tables.published import Series
from bench.tables.ratios import ratio_tables
from bench.tables.summary import Summary, by_cell, summarise
from bench.tables.table import Table, summary_table

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
    """Return the hash of all that plots are drawn from: the records, the pictures beside them, and who draws."""
    pictures = {str(path.relative_to(folder)): file_sha256(path) for path in sorted(folder.rglob("records/*/*.png"))}
    return digest(
        {
            "records": sorted(record.model_dump_json() for record in records),
            "pictures": pictures,
            "version": version("sfddm-bench"),
        }
    )


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
    """Write each group's tables: <stem>.md, .tex, .csv (each cell) and -summary.csv; return the paths.

    Of groups that differ in their budget alone also <stem>-frontier.md, .tex, .csv and -frontier-least.csv.
    """
    texts = {f"{group.stem}{ending}": text for group in found for ending, text in rendered(group).texts.items()}
    for curve in frontiers(found):
        stem = f"{curve.family.stem}-frontier"
        texts |= {f"{stem}{ending}": text for ending, text in rendered_frontier(curve).texts.items()}
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


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
    rows = [(name, record) for (name, _), found in cells.items() for record in found]
    summaries = [summarise(cells, measure) for measure in measures_of(group)]
    summaries = [shown for shown in summaries if shown.rows]
    seeds = sorted({record.seed for record in group.records})
    notes = [conditions_text(group), device_text(group)]
    notes += [text for text in [training_text(group.records), floor_text(group)] if text]
    tables = tuple(table for shown in summaries for table in [summary_table(shown, seeds), *compared(shown, group)])
    said = [f"{capital(work(group))}.", *notes]
    texts = {
        ".md": markdown(heading(group), notes, [*tables, cells_table(rows)]),
        ".tex": latex(tables, group.stem, subject(group), said, group.first.feature_space),
        ".csv": csv(frame(rows)),
        "-summary.csv": csv(summary_frame(summaries, group.first)),
    }
    return Rendered(heading(group), tuple(notes), tables, texts)


def compared(shown: Summary, group: Group) -> list[Table]:
    """Return the ratios to the control and to the chain, of a group's distance; nothing of another measure."""
    return ratio_tables(shown) if shown.measure.name == group.first.distance_name else []


def rendered_frontier(found: Frontier) -> Rendered:
    """Return the tables over the budgets in every form."""
    family = found.family
    group, title = family.largest, heading_of_family(family)
    said = [conditions_text(group), training_text(family.records), floor_text(group)]
    notes = [text for text in said if text]
    tables = tuple(table for table in (least_table(found), distance_table(found)) if table is not None)
    label = f"{family.stem}-frontier"
    shared = [f"{capital(work_of_family(family))}.", *notes]
    texts = {
        ".md": markdown(f"{title}: distance over training compute", notes, tables),
        ".tex": latex(tables, label, subject(group), shared, group.first.feature_space),
        ".csv": csv(frontier_frame(found)),
        "-least.csv": csv(least_frame(found)),
    }
    return Rendered(title, tuple(notes), tables, texts)


def capital(text: str) -> str:
    """Return a text with its first letter as a capital, and all others as they are."""
    return text[:1].upper() + text[1:]


def measures_of(group: Group) -> list[Measure]:
    """Return the measures that any cell of a group has; none of a group in which all failed."""
    return measures([record for record in group.records if record.failure is None]) if group.cells else []


def print_cells(records: Sequence[Record]) -> None:
    """Print the cells of a run, each with the few numbers that a terminal has room for, of all budgets in one table."""
    for family in families(groups(records)):
        print_tables(heading_of_family(family), [cells_table(ordered(family.records), brief=True)])


def print_outcome(records: Sequence[Record]) -> None:
    """Print a sentence on each group of records, or on several budgets together: what came out."""
    for family in families(groups(records)):
        if said := outcome(family):
            print(said)


def print_rendered(found: Sequence[Group]) -> None:
    """Print each group's summaries, and what is shown over budgets."""
    shown = [*map(rendered, found), *map(rendered_frontier, frontiers(found))]
    for one in shown:
        print_tables("\n".join([one.title, *one.notes]), one.summaries)


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
