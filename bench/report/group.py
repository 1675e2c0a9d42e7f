"""All that the page shows of a group of records: its tables, plots and samples, ready for the templates."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bench.config.counts import short
from bench.records.groups import Group, image_counts
from bench.records.pictures import Pictures
from bench.records.record import Record
from bench.records.rows import ordered
from bench.report.headlines import Card, cards
from bench.report.plots import Picture, plots
from bench.report.provenance import texts
from bench.report.results import SortableTable, by_steps, failures, in_full, sortable
from bench.report.samples import Samples, samples
from bench.tables.caption import training_text
from bench.tables.measures import Measure, measures
from bench.tables.ratios import ratio_tables
from bench.tables.summary import Summary, by_cell, summarise


@dataclass(frozen=True)
class DistanceResults:
    """A group's distance: what it is, of how many images, at each step count and by methods and steps.

    ratios: a title, a caption and a table for each row that others are compared with.
    """

    measure: Measure
    images: str
    cards: list[Card]
    table: SortableTable
    ratios: list[tuple[str, str, SortableTable]]


@dataclass(frozen=True)
class GroupResults:
    """A group's results; what it has no measurements for is None or empty."""

    title: str
    first: Record  # speaks for the group
    failures: SortableTable | None
    budget: str = ""  # of training, in short; empty if there is none
    measured: bool = False  # whether any cell was; if not, only the failures are there
    trained: str = ""  # what students were trained on, and begin as
    settings: Mapping[str, str] = field(default_factory=dict)  # of the protocol
    distance: DistanceResults | None = None
    quality: SortableTable | None = None
    cost: SortableTable | None = None
    plots: Sequence[Picture] = ()
    samples: Samples | None = None


def group_results(group: Group, pictures: Pictures, shown: Collection[str] = ()) -> GroupResults:
    """Return the results of a group, with the pictures that lie beside its records.

    shown: keys of records whose samples another group of the page shows.
    """
    budget = "" if group.budget is None else short(group.budget)
    if not group.cells:
        return GroupResults(title(group.first, group.stem), group.first, failures(group), budget)
    cells = by_cell(group.records)
    columns = [summarise(cells, measure) for measure in measures(group.cells)]
    return GroupResults(
        title=title(group.first, group.stem),
        first=group.first,
        failures=failures(group),
        budget=budget,
        trained=training_text(group.records) or "",
        measured=True,
        settings=texts(group.first.protocol.model_dump()) if group.first.protocol else {},
        distance=distance(group, columns[0]),
        quality=in_full([column for column in columns if column.measure.kind == "quality"]),
        cost=in_full([column for column in columns if column.measure.kind == "cost"]),
        plots=plots(group),
        samples=samples(ordered(group.cells), pictures, shown),
    )


def title(first: Record, stem: str) -> str:
    """Return a heading: the data and scale of a record, and what a stem tells apart from others with the same."""
    said = f"{first.dataset} {first.resolution}×{first.resolution}, scale {first.scale}"
    extra = stem.removeprefix(first.set_name).strip("-")
    return f"{said} ({extra})" if extra else said


def distance(group: Group, column: Summary) -> DistanceResults | None:
    """Return the distance, which is a group's first measure; None if it was not measured."""
    if column.measure.name != group.first.distance_name:
        return None
    costs = {name: record.training_cost for name, record in ordered(group.cells)}
    untrained = {name for name, cost in costs.items() if cost and not cost.folds}
    ratios = [(table.title, table.sentences, sortable(table)) for table in ratio_tables(column)]
    return DistanceResults(column.measure, images(group), cards(column, untrained), by_steps(column), ratios)


def images(group: Group) -> str:
    """Return how many images were compared with how many, for a caption."""
    pairs = sorted({(n or 0, m or 0) for n, m in map(image_counts, group.cells)})
    return " or ".join(f"{mine:,} images against {theirs:,} of the dataset" for mine, theirs in pairs)
