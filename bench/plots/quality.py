"""A group's quality over steps and over seconds per image."""

from statistics import fmean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation, Transform

from bench.metrics.shown import value_at
from bench.plots.curves import FEW_SEEDS, Curve, Value, curves, distance, most_seeds, paired, told_of_seeds
from bench.plots.panels import line, lines_figure, plain_numbers, steps_axis, title, told_of_floor
from bench.records.groups import Group
from bench.records.record import Record
from bench.tables.table import ABOUT_NOISE, NOISE

BESIDE = 4.5  # points of 1/72 inch, from a line's mark to the dots of its seeds


def quality_over_steps(group: Group) -> Figure | None:
    """Return the distance over sampling steps: the median over seeds, with each seed or, of many, the quartiles."""
    drawn = curves(group, distance)
    if not drawn:
        return None
    each = most_seeds(drawn) <= FEW_SEEDS

    def draw(axes: Axes, curve: Curve) -> None:
        colour = curve.look.colour
        line(axes, curve, curve.steps, curve.middle)
        if not each:
            low, high = zip(*curve.ends, strict=True)
            axes.fill_between(curve.steps, low, high, color=colour, alpha=0.2, lw=0)
            return
        for steps, values in zip(curve.steps, curve.values, strict=True):
            if len(values) > 1:
                axes.plot([steps] * len(values), values, ".", color=colour, ms=4, mec="none", transform=beside(axes))
                axes.update_datalim(
                    [(steps, value) for value in values]
                )  # what is moved aside is not counted by itself

    told = told_of_seeds(drawn, "line", "dots beside it: each seed", "band: quartiles")
    heading = title(group, f"{group.first.distance_name} by sampling steps", told, told_of_floor(group))
    figure = lines_figure(group, drawn, heading, draw)
    width = figure.get_figwidth() / figure.axes[0].get_gridspec().ncols - 0.9  # type: ignore[union-attr]
    for axes in figure.axes:
        steps_axis(axes, sorted({step for curve in drawn for step in curve.steps}), width)
    return figure


def beside(axes: Axes) -> Transform:
    """Return the transform of points that stand a little to the right of where they belong."""
    return axes.transData + ScaledTranslation(BESIDE / 72, 0, axes.figure.dpi_scale_trans)


def quality_over_time(group: Group) -> Figure | None:
    """Return the distance over seconds per image: one image at a time if it was measured, else the cell's own rate."""
    alone = any(latency(record) for record in group.cells)
    seconds = alike(group, latency if alone else seconds_at_rate)
    pairs = {quality.name: (cost, quality) for cost, quality in paired(group, seconds)}
    if not pairs:
        return None
    rows = [quality for _, quality in pairs.values()]
    bars = intervals(group, list(pairs)) if alone else {}
    noisy = any(cost.noisy for cost, _ in pairs.values())

    def draw(axes: Axes, curve: Curve) -> None:
        cost, _ = pairs[curve.name]
        line(axes, curve, cost.middle, curve.middle)
        for steps, x, y in zip(curve.steps, cost.middle, curve.middle, strict=True):
            if bar := bars.get((curve.name, steps)):
                axes.plot(bar, (y, y), color=curve.look.colour, lw=1, zorder=1)
            if steps in cost.noisy:
                axes.annotate(NOISE, (x, y), (0, 5), textcoords="offset points", ha="center", size=12)

    steps = [step for row in rows for step in row.steps]
    heading = title(
        group,
        f"{group.first.distance_name} by seconds per image",
        told_of_seeds(rows, "points"),
        f"{min(steps)} to {max(steps)} steps" * (min(steps) != max(steps)),
        "bars: quartiles of repeated calls" * bool(bars),
        ABOUT_NOISE * noisy,
        told_of_floor(group),
    )
    figure = lines_figure(group, rows, heading, draw)
    label = "seconds per image, one at a time" if alone else "seconds per image, in the cell's own batches"
    for axes in figure.axes:
        axes.set_xscale("log")
        plain_numbers(axes.xaxis)
        axes.set_xlabel(label)
    return figure


def alike(group: Group, value: Value) -> Value:
    """Return a cost so that records whose sampling makes the same calls have the same: the mean of theirs.

    What differs between them is noise, and is not drawn as a difference.
    """
    found: dict[str, list[float]] = {}
    for record in group.cells:
        if (own := value(record)) is not None:
            found.setdefault(record.calls, []).append(own)
    means = {calls: fmean(values) for calls, values in found.items()}
    return lambda record: None if value(record) is None else means.get(record.calls)


def intervals(group: Group, names: list[str]) -> dict[tuple[str, int], tuple[float, float]]:
    """Return the quartiles of the seconds of one image by row and steps, as `alike` has their median."""
    ends = []
    for name in ("q25", "q75"):
        end = alike(group, lambda record, name=name: value_at(record, ("sampling_cost", "latency", name)))  # type: ignore[misc]
        ends.append(
            {
                (curve.name, steps): float(np.median(values))
                for curve in curves(group, end)
                for steps, values in zip(curve.steps, curve.values, strict=True)
            }
        )
    low, high = ends
    return {cell: (low[cell], high[cell]) for cell in low if cell[0] in names}


def latency(record: Record) -> float | None:
    """Return the median seconds of one image."""
    return value_at(record, ("sampling_cost", "latency", "median"))


def seconds_at_rate(record: Record) -> float | None:
    """Return seconds per image of the cell's own batches."""
    rate = value_at(record, ("sampling_cost", "images_per_second"))
    return 1 / rate if rate else None
