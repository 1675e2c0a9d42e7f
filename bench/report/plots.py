"""The plots of a group as pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from bench.plots.figures import FRONTIER, PLOTS, figures
from bench.plots.style import STYLE
from bench.records.groups import Group
from bench.tables.frontier import Frontier

DPI = 96
SHADES = 12  # of red, green and blue: no colour moves by more than a twentieth, and the file is half as large


@dataclass(frozen=True)
class Picture:
    """A plot as a WebP file, with its name and what it shows."""

    name: str
    title: str
    caption: str
    image: bytes


def frontier_plot(found: Frontier) -> Picture:
    """Return the plot of the distance over budgets of training."""
    with rc_context(STYLE):
        return Picture("frontier", FRONTIER.title, FRONTIER.caption, webp(FRONTIER.draw(found)))


def plots(group: Group) -> Sequence[Picture]:
    """Return a group's plots, those it has the measurements for.

    Not the plots of samples and interpolations: the page shows those pictures themselves.
    """
    with rc_context(STYLE):
        drawn = figures(group)
        return [Picture(name, PLOTS[name].title, PLOTS[name].caption, webp(drawn[name])) for name in drawn]


def webp(figure: Figure) -> bytes:
    """Return a figure as WebP without loss but for its shades."""
    drawn, picture = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI)
    step = 255 / (SHADES - 1)
    shaded = Image.open(drawn).convert("RGB").point([round(round(shade / step) * step) for shade in range(256)] * 3)
    shaded.save(picture, format="WEBP", lossless=True, quality=100)
    return picture.getvalue()
