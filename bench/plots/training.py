"""A group's quality over what its students cost to train, a panel for each step count."""

import math
from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullLocator

from bench.metrics.shown import value_at
from bench.plots.curves import most_seeds, paired, told_of_seeds
from bench.plots.panels import LETTER, draw_floor, entitle, quality_axis, quality_label, title, told_of_floor
from bench.records.groups import Group
from sfddm.words import plural

MOST_COLUMNS = 4
WIDTH, ROW = 7.2, 1.85  # inches


def quality_over_training(group: Group) -> Figure | None:
    """Return the distance over network evaluations in training, at every step count; the teacher stands at 0.

    None of a group that has one budget: there is nothing to tell its students apart by.
    """
    if group.budget is not None:
        return None
    pairs = paired(group, lambda record: value_at(record, ("training_cost", "evaluations")))
    costs = [cost for pair in pairs for cost in pair[0].middle if cost > 0]
    if not costs:
        return None
    shown = sorted({step for cost, _ in pairs if max(cost.middle) > 0 for step in cost.at})
    columns = len(shown) if len(shown) < MOST_COLUMNS else min(MOST_COLUMNS, math.ceil(math.sqrt(len(shown))))
    rows = math.ceil(len(shown) / columns)
    several = most_seeds([quality for _, quality in pairs]) > 1
    figure = Figure(figsize=(WIDTH, 1.5 + ROW * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    low, high = math.floor(math.log10(min(costs))), math.ceil(math.log10(max(costs)))
    for axes, steps in zip(grid.flat, shown, strict=False):
        for cost, quality in pairs:
            if steps not in quality.at:
                continue
            place, look = quality.at.index(steps), quality.look
            x, y, (least, most) = cost.middle[place], quality.middle[place], quality.ends[place]
            if several:
                axes.plot((x, x), (least, most), color=look.colour, lw=1, zorder=1.9)
            axes.plot(
                x,
                y,
                color=look.colour,
                marker=look.marker,
                ms=5,
                ls="none",
                fillstyle=look.fill,
                markerfacecoloralt="white",
                label=quality.name,
            )
        draw_floor(axes, group)
        axes.set_xscale("symlog", linthresh=10**low)
        axes.set_xticks([0, *(10.0**power for power in range(low, high + 1))])
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlim(-0.3 * 10**low, 1.5 * 10**high)
        axes.set_title(plural(steps, "step"), loc="left")
    quality_axis(grid[0, 0])
    for axes in grid.flat[len(shown) :]:
        axes.remove()
    for axes in grid.flat[max(0, len(shown) - columns) : len(shown)]:
        axes.tick_params(labelbottom=True)
    for axes in grid[-1, : len(shown) - columns * (rows - 1)]:
        axes.set_xlabel("evaluations in training")
    for axes in grid[:, 0]:
        axes.set_ylabel(group.first.distance_name)
    told = told_of_seeds([quality for _, quality in pairs], "marks", "bars: least seed to most", "bars: quartiles")
    heading = title(
        group,
        f"{quality_label(group)}, by what the student's training cost",
        told,
        "network evaluations, a backward pass counts 2",
        told_of_floor(group),
    )
    entitle(figure, heading)
    common_legend(figure, [quality.name for _, quality in pairs])
    return figure


def common_legend(figure: Figure, names: Sequence[str]) -> None:
    """Put one legend of all panels below them: what has these names in their order, then the rest."""
    entries: dict[str, Artist] = {}
    for axes in figure.axes:
        entries |= {name: handle for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    ordered = [name for name in names if name in entries]
    ordered += [name for name in entries if name not in names]
    columns = max(1, min(4, int((figure.get_figwidth() - 0.5) / (0.55 + LETTER * max(map(len, ordered))))))
    figure.legend([entries[name] for name in ordered], ordered, loc="outside lower center", ncols=columns)
