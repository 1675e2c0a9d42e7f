"""The plots by name: what each shows and what draws it; and how a figure becomes files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Generic, TypeVar

import matplotlib
from matplotlib.figure import Figure
from PIL import Image

from bench.plots.frontier import distance_over_budgets
from bench.plots.memory import memory
from bench.plots.quality import quality_over_steps, quality_over_time
from bench.plots.samples import interpolation_strips, sample_grid
from bench.plots.schedule import noise_schedule
from bench.plots.style import STYLE
from bench.plots.training import quality_over_training
from bench.records.groups import Group
from bench.records.pictures import Pictures
from bench.store.files import write_bytes
from bench.tables.frontier import frontiers

Of = TypeVar("Of")
Drawn = TypeVar("Drawn")


@dataclass(frozen=True)
class Plot(Generic[Of, Drawn]):
    """A plot: its title and caption on the report's page, and what draws it."""

    title: str
    caption: str
    draw: Callable[[Of], Drawn]


# Of a group's numbers; the report shows them all. A plot's files carry its name. None: the data is missing.
PLOTS: dict[str, Plot[Group, Figure | None]] = {
    "quality": Plot(
        "Quality over steps",
        "The distance by step count, a line per method: the median over seeds, with each seed as a dot or, of more "
        "than five, the quartiles as a band.",
        quality_over_steps,
    ),
    "time": Plot(
        "Quality over time",
        "The distance by the seconds that one image takes, or by its network evaluations if no time was measured: the "
        "trade-off that few steps are for. A ring: no other point has as low a distance in as little. A bar: the "
        "quartiles of repeated calls; methods that make the same calls have the same seconds.",
        quality_over_time,
    ),
    "training": Plot(
        "Quality over training cost",
        "The distance by what the student's training cost, a panel for each step count. A bar: the seeds from the "
        "least to the most or, of more than five, the quartiles.",
        quality_over_training,
    ),
    "memory": Plot(
        "Memory",
        "The memory that sampling adds to what is in use before: of the process on a CPU, allocated beyond the weights "
        "on a GPU.",
        memory,
    ),
    "schedule": Plot(
        "Noise schedule",
        "The teacher's noise schedule with the timesteps that each method visits, at every step count.",
        noise_schedule,
    ),
}
# Of groups that differ in their budget alone.
FRONTIER = Plot(
    "Distance over training compute",
    "The distance by the budget of training in network evaluations, a panel for each step count: the median over seeds "
    "in the band of their spread. A ring: nothing else at this step count has as low a median at as small a budget; "
    "medians are not tested. Level lines: what trains nothing, and the teacher at the most steps that it was sampled "
    "with. The cost of one student that serves all step counts is paid once.",
    distance_over_budgets,
)
# Of the pictures beside the records; the report shows the pictures themselves.
OF_PICTURES: dict[str, Callable[[Group, Pictures], Figure | None]] = {
    "samples": sample_grid,
    "interpolation": interpolation_strips,
}


def figures(group: Group) -> dict[str, Figure]:
    """Return a group's plots of numbers by name, those it has the measurements for; drawn in the current style."""
    drawn = {name: plot.draw(group) for name, plot in PLOTS.items()}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def figures_of_pictures(group: Group, pictures: Pictures) -> dict[str, Figure]:
    """Return a group's plots of pictures by name, those it has pictures for; drawn in the current style."""
    drawn = {name: draw(group, pictures) for name, draw in OF_PICTURES.items()}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def write_plots(found: Sequence[Group], folders: Sequence[Path], folder: Path) -> list[Path]:
    """Write each group's plots, and those over budgets; return the paths.

    folders: where the cells' pictures are, beside their records.
    """
    pictures = Pictures(folders, [record for group in found for record in group.records])
    paths = []
    with matplotlib.rc_context(STYLE):
        for group in found:
            for name, figure in (figures(group) | figures_of_pictures(group, pictures)).items():
                paths += write_figure(figure, folder / f"{group.stem}-{name}")
        for curve in frontiers(found):
            paths += write_figure(FRONTIER.draw(curve), folder / f"{curve.family.stem}-frontier")
    return paths


def write_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as PNG and PDF, the same bytes for the same records; return the paths."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, for both files
    buffer = BytesIO()
    figure.savefig(buffer, format="pdf", metadata={"CreationDate": None, "Producer": None, "Creator": None})
    paths = []
    for ending, data in (("png", png(figure)), ("pdf", buffer.getvalue())):
        paths.append(stem.with_name(f"{stem.name}.{ending}"))
        write_bytes(paths[-1], data)
    return paths


def png(figure: Figure, dpi: int = STYLE["savefig.dpi"]) -> bytes:
    """Return a figure as PNG in a third of the bytes: in shades of grey if it has no colour, curves in 256 colours."""
    drawn, buffer = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi)
    picture = Image.open(drawn).convert("RGB")
    if len({channel.tobytes() for channel in picture.split()}) == 1:
        picture = picture.convert("L")
    elif not any(axes.images for axes in figure.axes):  # photographs keep all of theirs
        picture = picture.quantize(256, dither=Image.Dither.NONE)
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
