"""A group's quality over what its students cost to train, a panel for each of a few step counts."""

import math

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullLocator

from bench.metrics.shown import value_at
from bench.plots.curves import draw_floor, paired, quality_axis, quality_label, with_legend
from bench.records.groups import Group
from bench.tables.caption import heading

PANELS = 4


def quality_over_training(group: Group) -> Figure | None:
    """Return the distance over network evaluations in training, at up to four step counts; the teacher stands at 0."""
    pairs = paired(group, lambda record: value_at(record, ("training_cost", "evaluations")))
    costs = [cost for pair in pairs for cost in pair[0].mean if cost > 0]
    if not costs:
        return None
    panels = few(sorted({step for cost, _ in pairs if max(cost.mean) > 0 for step in cost.steps}))
    rows, columns = (2, 2) if len(panels) == PANELS else (1, len(panels))
    figure = Figure(figsize=(6.4, 1.4 + 2.1 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    low, high = math.floor(math.log10(min(costs))), math.ceil(math.log10(max(costs)))
    for axes, steps in zip(grid.flat, panels, strict=True):
        for cost, quality in pairs:
            if steps in quality.steps:
                place = quality.steps.index(steps)
                look = quality.look
                axes.plot(
                    cost.mean[place],
                    quality.mean[place],
                    color=look.colour,
                    marker=look.marker,
                    ms=6,
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
        axes.set_title(f"{steps} step{'s' * (steps != 1)}", loc="left")
    quality_axis(grid[0, 0])
    for axes in grid[-1]:
        axes.set_xlabel("evaluations in training")
    for axes in grid[:, 0]:
        axes.set_ylabel(quality_label(group))
    figure.suptitle(f"{heading(group)}\nnetwork evaluations to train the student, backward counts 2", fontsize=9)
    return with_legend(figure)


def few(steps: list[int]) -> list[int]:
    """Return at most four of the step counts, from the least to the most, evenly apart in their order."""
    if len(steps) <= PANELS:
        return steps
    return [steps[round(k * (len(steps) - 1) / (PANELS - 1))] for k in range(PANELS)]
