"""The distance over training compute: a panel for each step count, a line for each method over its budgets."""

from collections.abc import Sequence
from itertools import count
from math import ceil, sqrt
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from bench.config.counts import short
from bench.plots.curves import Curve, told_of_seeds
from bench.plots.panels import (
    TWO,
    WIDTH,
    draw_floor,
    entitle,
    line,
    panels,
    quality_axis,
    quality_label,
    ring,
    titled,
    told_of_floor,
)
from bench.plots.style import looks
from bench.plots.training import common_legend
from bench.tables.caption import subject, training_brief, work_of_family
from bench.tables.frontier import Frontier, Point
from sfddm.words import plural

COLUMNS, ROW = 3, 2.15  # the most beside each other; inches, the height of a panel
TEACHER = "#222222"


def distance_over_budgets(found: Frontier) -> Figure:
    """Return the distance over budgets of training: median and spread over seeds, the points ringed that none beats.

    What trains nothing is a level line at each step count, and so is the teacher at the most steps that it has.
    """
    look = looks(found.methods.items())
    by_steps = {
        steps: {
            name: Curve(name, found.methods[name], look[name], [p.budget for p in there], values(there))
            for name, row in found.rows.items()
            if (there := [point for point in row.get(steps, ()) if point.by_seed])
        }
        for steps in found.steps
    }
    drawn = [curve for row in by_steps.values() for curve in row.values()]
    trained = {curve.name: curve for curve in drawn if max(curve.at) > 0}
    parts = panels(list(trained.values()))
    places = [(steps, part) for steps in found.steps for part in parts]
    columns = (
        len(parts) if len(parts) > 1 else min(COLUMNS, len(places) if len(places) < 4 else ceil(sqrt(len(places))))
    )
    rows = -(-len(places) // columns)
    width = max(WIDTH if columns == 1 else TWO, 2.6 * columns)
    figure = Figure(figsize=(width, 1.5 + ROW * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, (steps, part), place in zip(grid.flat, places, count(), strict=False):
        for name, curve in by_steps[steps].items():
            if name not in trained:
                level(axes, curve)
            elif name in {one.name for one in part}:
                over_budgets(axes, curve, found.rows[name][steps])
        if found.teacher is not None:
            teacher = f"teacher ({found.teacher.name}, {plural(found.teacher.steps, 'step')})"
            axes.axhline(median(found.teacher.by_seed.values()), color=TEACHER, ls=(0, (1, 1)), lw=1, label=teacher)
        draw_floor(axes, found.family.largest)
        axes.set_title(plural(steps, "step"), loc="left")
        budget_axis(axes, found.family.budgets)
        axes.tick_params(labelbottom=place + columns >= len(places))
        if place + columns >= len(places):
            axes.set_xlabel("network evaluations in training")
        if place % columns == 0:
            axes.set_ylabel(found.family.largest.first.distance_name)
    quality_axis(grid[0, 0])
    for axes in grid.flat[len(places) :]:
        axes.remove()
    entitle(figure, heading(found, drawn))
    common_legend(figure, list(found.rows))
    return figure


def heading(found: Frontier, drawn: Sequence[Curve]) -> str:
    """Return the figure's title."""
    group = found.family.largest
    return titled(
        f"{quality_label(group)}, over training compute",
        subject(group),
        work_of_family(found.family),
        training_brief(found.family.records),
        told_of_seeds(drawn, "lines", "bands: least seed to most", "bands: quartiles"),
        "ringed: none is as good at as small a budget",
        "level lines train nothing" * any(max(curve.at) == 0 for curve in drawn),
        f"one training serves all step counts of {', '.join(found.trained_once)}" * bool(found.trained_once),
        told_of_floor(group),
    )


def values(points: Sequence[Point]) -> list[list[float]]:
    """Return the distances of each point, one for each seed."""
    return [list(point.by_seed.values()) for point in points]


def level(axes: Axes, curve: Curve) -> None:
    """Draw what trains nothing across all budgets."""
    axes.axhline(curve.middle[0], color=curve.look.colour, ls="-.", lw=1.1, label=curve.name, zorder=1.5)


def over_budgets(axes: Axes, curve: Curve, points: Sequence[Point]) -> None:
    """Draw a row over its budgets, with the spread of its seeds, and rings about the points that lead."""
    low, high = zip(*curve.ends, strict=True)
    axes.fill_between(curve.at, low, high, color=curve.look.colour, alpha=0.15, lw=0)
    if len(curve.at) == 1:
        axes.plot(curve.at * 2, (*low, *high), color=curve.look.colour, lw=1, zorder=1.9)
    line(axes, curve, curve.at, curve.middle)
    for point in points:
        if point.leads:
            ring(axes, point.budget, point.middle)


def budget_axis(axes: Axes, budgets: Sequence[int]) -> None:
    """Make the x axis that of budgets: a tick for each, and some room beside the first and the last."""
    axes.set_xscale("log")
    axes.set_xticks(list(budgets), [short(budget) for budget in budgets])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(budgets[0] / 1.4, budgets[-1] * 1.4)
