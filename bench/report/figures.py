"""The plots of a group as PNG bytes."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib import rc_context

from bench.plots.figures import figures as drawn
from bench.plots.figures import png
from bench.plots.style import STYLE
from bench.records.groups import Group
from bench.report.markup import Html, image, tag

DPI = 160
SAID = {
    "quality": ("Quality over steps", "The distance by step count, a line per method, a band over seeds."),
    "time": (
        "Quality over time",
        "The distance by the seconds that one image takes: the trade-off that few steps are for.",
    ),
    "training": ("Quality over training cost", "The distance by what the student's training cost."),
    "memory": ("Memory", "The peak memory of sampling."),
    "schedule": ("Noise schedule", "The teacher's noise schedule with the timesteps that the student visits."),
}  # of the plots that are in the page; it shows the samples and strips themselves


class Picture(NamedTuple):
    """A plot with its title and caption."""

    title: str
    caption: str
    png: bytes


def figures(group: Group) -> list[Picture]:
    """Return the plots of a group, those for which it has the measurements."""
    pictures = []
    with rc_context(STYLE):
        for name, figure in drawn(group, {}).items():
            if name in SAID:
                pictures.append(Picture(*SAID[name], png(figure, DPI)))
    return pictures


def figures_section(pictures: Sequence[Picture]) -> Html:
    """Return the plots with their captions."""
    shown = [
        tag("figure", image(picture.png, picture.title), tag("figcaption", tag("b", picture.title), ". ", picture.caption))
        for picture in pictures
    ]  # fmt: skip
    return tag("div", *shown, class_="plots")
