"""A group's quality over steps and over seconds per image."""

from dataclasses import dataclass
from statistics import fmean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation, Transform

from bench.metrics.shown import value_at
from bench.plots.curves import FEW_SEEDS, Curve, Value, curves, distance, most_seeds, paired, told_of_seeds
from bench.plots.panels import costs_axis, line, lines_figure, ring, steps_axis, title, told_of_floor
from bench.records.groups import Group
from bench.records.record import Record
from bench.tables.frontier import beaten
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
        line(axes, curve, curve.at, curve.middle)
        if not each:
            low, high = zip(*curve.ends, strict=True)
            axes.fill_between(curve.at, low, high, color=colour, alpha=0.2, lw=0)
            return
        for steps, values in zip(curve.at, curve.values, strict=True):
            if len(values) > 1:
                axes.plot([steps] * len(values), values, ".", color=colour, ms=4, mec="none", transform=beside(axes))
                axes.update_datalim(
                    [(steps, value) for value in values]
                )  # what is moved aside is not counted by itself

    told = told_of_seeds(drawn, "line", "dots beside it: each seed", "band: quartiles")
    heading = title(group, f"{group.first.distance_name} by sampling steps", told, told_of_floor(group))
    figure = lines_figure(group, drawn, heading, draw)
    for axes in figure.axes:
        steps_axis(axes, sorted({step for curve in drawn for step in curve.at}), axis_width(figure))
    return figure


def axis_width(figure: Figure) -> float:
    """Return about how wide the x axis of each panel is, in inches."""
    return figure.get_figwidth() / figure.axes[0].get_gridspec().ncols - 0.9  # type: ignore[union-attr]


def beside(axes: Axes) -> Transform:
    """Return the transform of points that stand a little to the right of where they belong."""
    return axes.transData + ScaledTranslation(BESIDE / 72, 0, axes.figure.dpi_scale_trans)


def quality_over_time(group: Group) -> Figure | None:
    """Return the distance over what one image takes: seconds one at a time, else at the cell's own rate, else NFE.

    Ringed are the points that no other beats: those with the lowest distance in the time that they take.
    """
    cost = next((cost for cost in (LATENCY, RATE, EVALUATIONS) if any(map(cost.value, group.cells))), None)
    pairs = {pair[1].name: pair for pair in paired(group, alike(group, cost.value))} if cost else {}
    if cost is None or not pairs:
        return None
    rows = [quality for _, quality in pairs.values()]
    bars = intervals(group, list(pairs)) if cost is LATENCY else {}
    noisy = cost is not EVALUATIONS and any(taken.noisy for taken, _ in pairs.values())
    points = [point for taken, quality in pairs.values() for point in zip(taken.middle, quality.middle, strict=True)]

    def draw(axes: Axes, curve: Curve) -> None:
        taken, _ = pairs[curve.name]
        line(axes, curve, taken.middle, curve.middle)
        for steps, x, y in zip(curve.at, taken.middle, curve.middle, strict=True):
            if bar := bars.get((curve.name, steps)):
                axes.plot(bar, (y, y), color=curve.look.colour, lw=1, zorder=1)
            if noisy and steps in taken.noisy:
                axes.annotate(NOISE, (x, y), (0, 5), textcoords="offset points", ha="center", size=12)
            if not beaten((x, y), points, cost.alike):
                ring(axes, x, y)

    steps = [step for row in rows for step in row.at]
    heading = title(
        group,
        f"{group.first.distance_name} by {cost.unit} per image",
        told_of_seeds(rows, "points"),
        f"{min(steps)} to {max(steps)} steps" * (min(steps) != max(steps)),
        f"ringed: none is as good in as few {cost.unit}{cost.tolerance}",
        "bars: quartiles of repeated calls" * bool(bars),
        ABOUT_NOISE * noisy,
        told_of_floor(group),
    )
    figure = lines_figure(group, rows, heading, draw)
    for axes in figure.axes:
        costs_axis(axes, axis_width(figure))
        axes.set_xlabel(cost.label)
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
                for steps, values in zip(curve.at, curve.values, strict=True)
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


def evaluations(record: Record) -> int | None:
    """Return the network evaluations of one image."""
    return record.nfe


@dataclass(frozen=True)
class Cost:
    """What one image takes: how it is measured, in what unit, and how it is called at an axis.

    alike: up to which ratio two costs are the same for all that is known.
    """

    value: Value
    unit: str
    label: str
    alike: float = 1

    @property
    def tolerance(self) -> str:
        """The ratio in words; nothing if costs are exact."""
        return f" (within {100 * (self.alike - 1):.0f} %)" if self.alike > 1 else ""


LATENCY = Cost(latency, "seconds", "seconds per image, one at a time", 1.1)
RATE = Cost(seconds_at_rate, "seconds", "seconds per image, in the cell's own batches", 1.1)
EVALUATIONS = Cost(evaluations, "network evaluations", "network evaluations per image")
