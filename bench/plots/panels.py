"""Figures of one panel or several: at most six lines in each, the control and the floor in all, a legend below each."""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import ceil, floor, log2, log10
from statistics import median
from textwrap import wrap

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.config.methods import CONTROL
from bench.config.variants import base_name
from bench.plots.curves import Curve, spread, told_of_spread
from bench.plots.style import FLOOR
from bench.records.groups import Group
from bench.records.record import REAL
from bench.tables.caption import subject, training_brief, work

MOST_LINES = 6  # in one panel; more cannot be told apart
WIDTH = 6.0  # inches, of a figure of one panel
TWO, ROW = 7.2, 2.5  # inches: the width of a figure of two panels side by side, the height of a panel
COLUMNS = 2
LETTER, TITLE_LETTER = 0.064, 0.07  # inches: of a tick's or legend's letter, of a title's


def panels(rows: Sequence[Curve]) -> list[list[Curve]]:
    """Return rows in the panels that they are drawn in, at most six each: all in one if they are no more.

    Else methods of one family (sfddm, sfddm-trajectory and their variants) stay together as far as they fit, families
    follow each other in the order of rows, and the control is in every panel.
    """
    if len(rows) <= MOST_LINES:
        return [list(rows)]
    control = [row for row in rows if row.method == CONTROL][:1]
    room = MOST_LINES - len(control)
    families: dict[str, list[Curve]] = {}
    for row in rows:
        if row not in control:
            families.setdefault(base_name(row.method).partition("-")[0], []).append(row)
    found: list[list[Curve]] = []
    for part in [part for family in families.values() for part in evenly(family, room)]:
        if found and len(found[-1]) + len(part) <= room:
            found[-1] += part
        else:
            found.append(list(part))
    return [sorted([*panel, *control], key=rows.index) for panel in found]


def evenly(rows: Sequence[Curve], most: int) -> list[list[Curve]]:
    """Return rows in as few parts as hold at most so many, parts of nearly the same size."""
    count = -(-len(rows) // most)
    cuts = [round(len(rows) * k / count) for k in range(count + 1)]
    return [list(rows[start:end]) for start, end in pairwise(cuts)]


def lines_figure(group: Group, rows: Sequence[Curve], title: str, draw: Callable[[Axes, Curve], None]) -> Figure:
    """Return a figure of the distance: `draw` draws each row in its panel; the floor and a legend are in each."""
    shown = panels(rows)
    columns = min(COLUMNS, len(shown))
    count = -(-len(shown) // columns)
    entries = max(map(len, shown)) + bool(group.floors)
    width = WIDTH if columns == 1 else TWO
    height = (ROW if columns > 1 else 1.2 * ROW) + 0.55 + 0.2 * -(-entries // 2)
    figure = Figure(figsize=(width, 0.5 + height * count), layout="constrained")
    grid = figure.subplots(count, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(shown) :]:
        axes.remove()
    for place, (axes, panel) in enumerate(zip(grid.flat, shown, strict=False)):
        for row in panel:
            draw(axes, row)
        draw_floor(axes, group)
        axes.tick_params(which="both", labelbottom=True, labelleft=True)
        if place % columns == 0:
            axes.set_ylabel(quality_label(group))
        legend_below(axes, width / columns)
    quality_axis(grid[0, 0])
    entitle(figure, title)
    return figure


def legend_below(axes: Axes, width: float) -> None:
    """Put a panel's legend below its x axis, in as many columns as its width in inches holds."""
    handles, names = axes.get_legend_handles_labels()
    widest = 0.55 + LETTER * max(map(len, names))
    columns = max(1, min(4, len(names), int((width - 0.2) / widest)))
    axes.legend(handles, names, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=columns, borderaxespad=0)


def title(group: Group, what: str, *told: str) -> str:
    """Return a figure's title: what it shows of which data; below it scale and training, and how it is drawn."""
    return titled(what, subject(group), work(group), training_brief(group.records), *told)


def titled(what: str, of: str, *told: str) -> str:
    """Return a figure's title: what it shows, of what; below it what else is told, without what is empty."""
    return f"{what}, {of}\n{'; '.join(text.rstrip('.') for text in told if text)}"


def entitle(figure: Figure, text: str) -> None:
    """Write a title at a figure's upper left, no line of it longer than the figure is wide."""
    most = int(figure.get_figwidth() / TITLE_LETTER)
    lines = [part for line in text.split("\n") for part in broken(line, most)]
    figure.suptitle("\n".join(lines), x=0.012, ha="left", fontsize=9)


def broken(line: str, most: int) -> list[str]:
    """Return a line in parts of at most so many letters, broken between its clauses where that is possible."""
    parts: list[str] = []
    for clause in re.split(r"(?<=;) ", line):
        if parts and len(parts[-1]) + 1 + len(clause) <= most:
            parts[-1] += f" {clause}"
        else:
            parts += wrap(clause, most)
    return parts


def line(axes: Axes, curve: Curve, x: Sequence[float], y: Sequence[float]) -> None:
    """Draw a row's points in its look, joined."""
    look = curve.look
    hollow = look.fill != "full" or look.marker not in Line2D.filled_markers  # such as +, which is nothing but its edge
    edge = look.colour if hollow else "white"
    axes.plot(
        x,
        y,
        color=look.colour,
        marker=look.marker,
        ls=look.line,
        label=curve.name,
        fillstyle=look.fill,
        markerfacecoloralt="white",
        markeredgecolor=edge,
        markeredgewidth=0.9 if hollow else 0.4,
    )


def ring(axes: Axes, x: float, y: float) -> None:
    """Draw a ring about a point that no other beats."""
    axes.plot(x, y, "o", ms=9, mfc="none", mec="#222222", mew=0.9, zorder=3)


def quality_label(group: Group) -> str:
    """Return what the distance is called, and which end is good."""
    return f"{group.first.distance_name}, lower is better"


def floor_values(group: Group) -> list[float]:
    """Return the distances of one half of the real data from the other, one for each seed."""
    return [record.distance for record in group.floors if record.distance is not None]


def draw_floor(axes: Axes, group: Group) -> None:
    """Draw the distance of one half of the real data from the other: the median, in the band of its spread."""
    values = floor_values(group)
    if len(values) > 1:
        axes.axhspan(*spread(values), color=FLOOR, alpha=0.12, lw=0)
    if values:
        axes.axhline(median(values), color=FLOOR, ls="--", lw=1, label=f"{REAL} (floor)")


def told_of_floor(group: Group) -> str:
    """Return in words what the floor is and what its band shows; nothing without one."""
    values = floor_values(group)
    band = f" (band: {told_of_spread(values)})" if len(values) > 1 else ""
    return f"floor: real data, half against half{band}" if values else ""


def quality_axis(axes: Axes) -> None:
    """Make the y axis logarithmic, with plain numbers."""
    axes.set_yscale("log")
    plain_numbers(axes.yaxis)


def plain_numbers(axis: Axis) -> None:
    """Label a logarithmic axis at 1, 2 and 5 of each decade, without exponents."""
    axis.set_tick_params(which="both", length=3, pad=3)
    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_locator(LogLocator(subs=(2, 5)))
    axis.set_minor_formatter(FuncFormatter(plain))


def plain(value: float, _: object = None) -> str:
    """Return a tick's label without an exponent."""
    return f"{value:g}"


def costs_axis(axes: Axes, width: float) -> None:
    """Make the x axis logarithmic with plain numbers: a tick at 1, 2 and 5 of each decade, the 1s labelled first.

    width: of the axis, in inches.
    """
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    ticks = [float(f"{first}e{decade}") for first in (1, 2, 5) for decade in decades]
    shown = [tick for tick in ticks if low <= tick <= high]
    labelled = with_room(shown, width / log10(high / low))
    axes.tick_params(axis="x", which="both", length=3, pad=3)
    axes.set_xticks(shown, [plain(tick) if tick in labelled else "" for tick in shown])
    axes.xaxis.set_minor_formatter(NullFormatter())


def steps_axis(axes: Axes, steps: Sequence[int], width: float) -> None:
    """Make the x axis that of step counts: a tick for each, powers of two labelled first, others where they find room.

    width: of the axis, in inches.
    """
    axes.set_xscale("log", base=2)
    per_decade = width / max(log2(max(steps) / min(steps)), 1) * log2(10)
    powers_first = sorted(steps, key=lambda step: (step & (step - 1) != 0, step))
    labelled = with_room(powers_first, per_decade)
    axes.set_xticks(list(steps), [str(step) if step in labelled else "" for step in steps])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("sampling steps")


def with_room(values: Sequence[float], per_decade: float) -> list[float]:
    """Return the values whose labels do not touch, the first first, on an axis of so many inches a decade."""
    labelled: list[float] = []
    for value in values:
        if all(per_decade * abs(log10(value / other)) > _half(value) + _half(other) for other in labelled):
            labelled.append(value)
    return labelled


def _half(value: float) -> float:
    """Return how far a value's label reaches to each side, with some air: inches."""
    return LETTER * (len(plain(value)) + 0.7) / 2
