"""The plots of a group as PNG bytes."""

from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

import matplotlib

from bench.plots import STYLE, quality_over_steps
from bench.records import Record
from bench.report.markup import Html, image, tag

DPI = 160


class Picture(NamedTuple):
    """A plot with its title and caption."""

    title: str
    caption: str
    png: bytes


def figures(records: Sequence[Record]) -> list[Picture]:
    """Return the plots of records that may share one; none where no distance was measured."""
    records = [record for record in records if record.quality is not None]
    if not records:
        return []
    buffer = BytesIO()
    with matplotlib.rc_context(STYLE):
        quality_over_steps(records).savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    name = records[0].quality_name
    caption = f"{name} over sampling steps, log axes; a line per method through the mean over seeds, a band over seeds."
    return [Picture("Quality over steps", caption, buffer.getvalue())]


def figures_section(pictures: Sequence[Picture]) -> Html:
    """Return the plots with their captions."""
    shown = [
        tag("figure", image(picture.png, picture.title), tag("figcaption", tag("b", picture.title), ". ", picture.caption))
        for picture in pictures
    ]  # fmt: skip
    return tag("div", *shown, class_="plots")
