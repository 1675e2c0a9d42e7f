"""All plots of a group, and how a figure becomes files."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from PIL import Image

from bench.plots.curves import memory, quality_over_steps, quality_over_time
from bench.plots.samples import cell_pictures, interpolation_strips, sample_grid
from bench.plots.schedule import noise_schedule
from bench.plots.style import STYLE
from bench.plots.training import quality_over_training
from bench.records.groups import Group
from bench.store.files import write_bytes


def figures(group: Group, pictures: Mapping[str, Path]) -> dict[str, Figure]:
    """Return a group's plots by name, those for which it has the measurements and pictures; drawn in the style at hand."""
    drawn = {
        "quality": quality_over_steps(group),
        "time": quality_over_time(group),
        "training": quality_over_training(group),
        "memory": memory(group),
        "schedule": noise_schedule(group),
        "samples": sample_grid(group, pictures),
        "interpolation": interpolation_strips(group, pictures),
    }
    return {name: figure for name, figure in drawn.items() if figure is not None}


def write_plots(found: Sequence[Group], folders: Sequence[Path], folder: Path) -> list[Path]:
    """Write each group's plots; folders: where the cells' pictures are, beside their records. Return the paths."""
    pictures = cell_pictures(folders)
    paths = []
    with matplotlib.rc_context(STYLE):
        for group in found:
            for name, figure in figures(group, pictures).items():
                paths += write_figure(figure, folder / f"{group.stem}-{name}")
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
    """Return a figure as PNG in a third of the bytes: in shades of grey where it has no colour, curves in 256 colours."""
    drawn, buffer = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi)
    picture = Image.open(drawn).convert("RGB")
    if len({channel.tobytes() for channel in picture.split()}) == 1:
        picture = picture.convert("L")
    elif not any(axes.images for axes in figure.axes):  # photographs keep all of theirs
        picture = picture.quantize(256, dither=Image.Dither.NONE)
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
