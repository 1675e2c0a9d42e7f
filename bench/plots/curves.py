"""A group's quality over steps and over seconds per image, and its memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.metrics.sampling_cost import MIB
from bench.metrics.shown import value_at
from bench.plots.style import FLOOR, Look, looks
from bench.records.groups import Group
from bench.records.record import REAL, Record
from bench.tables.caption import heading
from bench.tables.summary import by_cell

Value = Callable[[Record], float | int | None]
WIDTH, HEIGHT = 6.0, 4.4  # inches


@dataclass(frozen=True)
class Curve:
    """One row's points over steps: mean, least and most over seeds."""

    name: str
    look: Look
    steps: list[int]
    mean: list[float]
    least: list[float]
    most: list[float]


def curves(group: Group, value: Value) -> list[Curve]:
    """Return each row's curve of a value over steps; rows without any are left out."""
    found: dict[str, list[tuple[int, list[float]]]] = {}
    methods: dict[str, str] = {}
    for (name, steps), records in by_cell(group.records).items():
        values = [float(v) for record in records if (v := value(record)) is not None]
        if steps is not None and values:
            found.setdefault(name, []).append((steps, values))
            methods[name] = records[0].method
    look = looks(methods.items())
    drawn = []
    for name, points in found.items():
        seeds = [values for _, values in points]
        drawn.append(
            Curve(
                name,
                look[name],
                [steps for steps, _ in points],
                [*map(fmean, seeds)],
                [*map(min, seeds)],
                [*map(max, seeds)],
            )
        )
    return drawn


def floor(group: Group) -> float | None:
    """Return the mean distance of one half of the real data from the other."""
    values = [record.distance for record in group.floors if record.distance is not None]
    return fmean(values) if values else None


def quality_over_steps(group: Group) -> Figure | None:
    """Return the distance over sampling steps, a band from the least to the most over seeds."""
    drawn = curves(group, lambda record: record.distance)
    if not drawn:
        return None
    figure, axes = canvas(group)
    for curve in drawn:
        line(axes, curve, [float(step) for step in curve.steps], curve.mean)
        if curve.least != curve.most:
            axes.fill_between(curve.steps, curve.least, curve.most, color=curve.look.colour, alpha=0.2, lw=0)
    axes.set_xscale("log", base=2)
    ticks = sorted({step for curve in drawn for step in curve.steps})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("sampling steps")
    axes.set_title(f"{heading(group)}\nline: mean over seeds, band: from the least seed to the most", loc="left")
    return finished(figure, axes, group)


def quality_over_time(group: Group) -> Figure | None:
    """Return the distance over seconds per image: one image at a time if it was measured, else the cell's own rate."""
    alone = any(latency(record) for record in group.cells)
    seconds = alike(group, latency if alone else seconds_at_rate)
    label = "seconds per image, one at a time" if alone else "seconds per image, in the cell's own batches"
    return against(group, seconds, label, quartiles(group) if alone else None)


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


def quartiles(group: Group) -> tuple[Value, Value]:
    """Return the lower and upper quartile of the seconds of one image, as `alike` has its median."""
    low, high = (
        alike(group, lambda record, name=name: value_at(record, ("sampling_cost", "latency", name)))  # type: ignore[misc]
        for name in ("q25", "q75")
    )
    return low, high


def latency(record: Record) -> float | None:
    """Return the median seconds of one image."""
    return value_at(record, ("sampling_cost", "latency", "median"))


def seconds_at_rate(record: Record) -> float | None:
    """Return seconds per image of the cell's own batches."""
    rate = value_at(record, ("sampling_cost", "images_per_second"))
    return 1 / rate if rate else None


def paired(group: Group, value: Value) -> list[tuple[Curve, Curve]]:
    """Return (curve of a value, curve of the distance) of each row, over the steps that have both."""
    quality = curves(group, lambda record: record.distance if value(record) is not None else None)
    other = {curve.name: curve for curve in curves(group, lambda r: value(r) if r.distance is not None else None)}
    return [(other[curve.name], curve) for curve in quality]


def against(group: Group, value: Value, label: str, interval: tuple[Value, Value] | None = None) -> Figure | None:
    """Return the distance over a value, log axes, a point for each step count, and a bar for each interval."""
    pairs = paired(group, value)
    if not pairs:
        return None
    figure, axes = canvas(group)
    for cost, curve in pairs:
        line(axes, curve, cost.mean, curve.mean)
    if interval is not None:
        ends = [{cost.name: cost.mean for cost, _ in paired(group, end)} for end in interval]
        for cost, curve in pairs:
            low, high = (np.array(end.get(cost.name, cost.mean)) for end in ends)
            bars = np.clip([cost.mean - low, high - cost.mean], 0, None)
            axes.errorbar(
                cost.mean, curve.mean, xerr=bars, fmt="none", ecolor=curve.look.colour, elinewidth=1, zorder=1
            )
    axes.set_xscale("log")
    plain_numbers(axes.xaxis)
    least, most = min(min(c.steps) for _, c in pairs), max(max(c.steps) for _, c in pairs)
    axes.set_xlabel(label if least == most else f"{label} (points: {least} to {most} steps)")
    return finished(figure, axes, group)


def memory(group: Group) -> Figure | None:
    """Return the peak memory of sampling by method: a point for each step count, of the GPU if there is one."""
    on_gpu = any(value_at(record, ("sampling_cost", "gpu_peak_bytes")) for record in group.cells)
    field = "gpu_peak_bytes" if on_gpu else "rss_added_bytes"

    def mebibytes(record: Record) -> float | None:
        peak = value_at(record, ("sampling_cost", field))
        return None if peak is None else peak / MIB

    drawn = curves(group, mebibytes)
    if not drawn:
        return None
    figure = Figure(figsize=(WIDTH, 0.9 + 0.3 * len(drawn)), layout="constrained")
    axes = figure.add_subplot()
    for place, curve in enumerate(drawn):
        line(axes, curve, curve.mean, [place] * len(curve.mean))
    axes.set_yticks(range(len(drawn)), [curve.name for curve in drawn])
    axes.set_ylim(len(drawn) - 0.5, -0.5)
    axes.set_xlim(0, 1.08 * max(max(curve.mean) for curve in drawn))
    told = "peak allocated GPU memory of sampling" if on_gpu else "resident memory that sampling adds"
    axes.set_xlabel(f"{told} (MiB), a point for each step count")
    axes.set_title(heading(group), loc="left")
    return figure


def canvas(group: Group) -> tuple[Figure, Axes]:
    """Return an empty figure of one panel, titled."""
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(heading(group), loc="left")
    return figure, axes


def line(axes: Axes, curve: Curve, x: Sequence[float], y: Sequence[float]) -> None:
    """Draw a row's points in its look."""
    look = curve.look
    edge = "white" if look.fill == "full" else look.colour
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
        markeredgewidth=0.4 if edge == "white" else 0.9,
    )


def quality_label(group: Group) -> str:
    """Return what the distance is called, and which end is good."""
    return f"{group.first.distance_name}, lower is better"


def finished(figure: Figure, axes: Axes, group: Group) -> Figure:
    """Return a figure of one panel with its floor, its axis of quality, and the legend below all data."""
    draw_floor(axes, group)
    quality_axis(axes)
    axes.set_ylabel(quality_label(group))
    return with_legend(figure)


def draw_floor(axes: Axes, group: Group) -> None:
    """Draw the distance of one half of the real data from the other: the mean, in a band from least to most."""
    values = [record.distance for record in group.floors if record.distance is not None]
    if len(values) > 1:
        axes.axhspan(min(values), max(values), color=FLOOR, alpha=0.12, lw=0)
    value = floor(group)
    if value is not None:
        axes.axhline(value, color=FLOOR, ls="--", lw=1, label=f"{REAL}, half against half")


def quality_axis(axes: Axes) -> None:
    """Make the y axis logarithmic, with plain numbers."""
    axes.set_yscale("log")
    plain_numbers(axes.yaxis)


def plain_numbers(axis: Axis) -> None:
    """Label a logarithmic axis at 1, 2 and 5 of each decade, without exponents."""
    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_locator(LogLocator(subs=(2, 5)))
    axis.set_minor_formatter(FuncFormatter(plain))


def with_legend(figure: Figure) -> Figure:
    """Return the figure with one legend of all its panels, below them."""
    entries: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(name, handle)
    widest = max(map(len, entries))
    figure.legend(
        list(entries.values()), list(entries), loc="outside lower center", ncols=max(1, min(4, 120 // widest))
    )
    return figure


def plain(value: float, _: object = None) -> str:
    """Return a tick's label without an exponent."""
    return f"{value:g}"
