"""The plots of a group as pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib import rc_context

from bench.plots.figures import FRONTIER, PLOTS, figures, png
from bench.plots.style import STYLE
from bench.records.groups import Group
from bench.tables.frontier import Frontier

DPI = 120


@dataclass(frozen=True)
class Picture:
    """A plot as a PNG file, with its name and what it shows."""

    name: str
    title: str
    caption: str
    png: bytes


def frontier_plot(found: Frontier) -> Picture:
    """Return the plot of the distance over budgets of training."""
    with rc_context(STYLE):
        return Picture("frontier", FRONTIER.title, FRONTIER.caption, png(FRONTIER.draw(found), DPI))


def plots(group: Group) -> Sequence[Picture]:
    """Return a group's plots, those it has the measurements for.

    Not the plots of samples and interpolations: the page shows those pictures themselves.
    """
    with rc_context(STYLE):
        drawn = figures(group)
        return [Picture(name, PLOTS[name].title, PLOTS[name].caption, png(drawn[name], DPI)) for name in drawn]
