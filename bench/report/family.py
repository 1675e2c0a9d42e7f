"""What the page shows of a family of groups: the distance over budgets of training, then the group of each budget."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.records.families import Family
from bench.records.pictures import Pictures
from bench.report.group import GroupResults, group_results, title
from bench.report.plots import Picture, frontier_plot
from bench.report.results import SortableTable, sortable
from bench.tables.caption import training_text
from bench.tables.frontier import Frontier, frontier
from bench.tables.least import distance_table, least_table
from bench.tables.table import Table


@dataclass(frozen=True)
class FrontierResults:
    """The distance over budgets: the plot, and tables with their captions."""

    plot: Picture
    tables: Sequence[tuple[str, str, SortableTable]]  # title, caption, table


@dataclass(frozen=True)
class FamilyResults:
    """A family's results; groups: the largest budget's first."""

    title: str
    groups: Sequence[GroupResults]
    frontier: FrontierResults | None = None

    def title_of(self, group: GroupResults) -> str:
        """Return the title of one of the groups: the family's, with the group's budget if there are others."""
        return f"{self.title}, under {group.budget} evaluations of training" if len(self.groups) > 1 else self.title


def family_results(family: Family, pictures: Pictures) -> FamilyResults:
    """Return the results of a family, with the pictures that lie beside its records."""
    largest_first = family.groups[::-1]
    found = frontier(family)
    stem = family.stem if family.spans else family.largest.stem
    groups: list[GroupResults] = []
    for group in largest_first:
        shown = frozenset().union(*(one.samples.keys for one in groups if one.samples))
        groups.append(group_results(group, pictures, shown))
    return FamilyResults(
        title(family.largest.first, stem),
        groups,
        None if found is None else frontier_results(found),
    )


def frontier_results(found: Frontier) -> FrontierResults:
    """Return the plot and the tables of a frontier."""
    trained = training_text(found.family.records) or ""
    tables: list[Table | None] = [least_table(found), distance_table(found)]
    shown = [(table.title, f"{table.sentences} {trained}".strip(), sortable(table)) for table in tables if table]
    return FrontierResults(frontier_plot(found), shown)
