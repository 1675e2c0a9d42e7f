"""The teacher's noise schedule, and the sub-sequences on which students and samplers visit it."""

from textwrap import wrap

import numpy as np
from matplotlib.figure import Figure

from bench.plots.panels import WIDTH, entitle, title
from bench.plots.style import looks
from bench.records.groups import Group
from bench.tables.summary import by_cell
from sfddm.schedule import alpha_bar_table
from sfddm.words import plural

FEW = 64  # more than so many marks of a line run into each other, and are drawn as ticks
ABOVE, ROW, NAMES = 2.3, 0.19, 0.17  # inches: the schedule, a line of marks, a line of names
LETTERS = 84  # of names in one line


def noise_schedule(group: Group) -> Figure | None:
    """Return alpha_bar over the teacher's timesteps, and below it every sub-sequence that any cell visits.

    A panel for each set of methods that visit the same, a line in it for each step count. None if the teacher was given
    as a file: its schedule is in the file, not in the records.
    """
    teacher = group.first.config.get("teacher", {})
    shared = subsequences(group)
    if not shared or teacher.get("weights") or not teacher.get("schedule"):
        return None
    total = teacher["timesteps"]
    methods = {name: record.method for (name, _), (record, *_) in by_cell(group.records).items()}
    look = looks((name, methods[name]) for names in shared for name in names)
    told = {names: wrap(", ".join(names), LETTERS) for names in shared}
    heights = [ROW * (len(lines) + 0.6) for lines in shared.values()]
    text = sum(NAMES * len(told[names]) + 0.15 for names in shared)
    figure = Figure(figsize=(WIDTH, 1.1 + ABOVE + sum(heights) + text), layout="constrained")
    above, *below = figure.subplots(1 + len(shared), 1, sharex=True, height_ratios=(ABOVE, *heights))
    above.plot(np.arange(total), alpha_bar_table(teacher["schedule"], total), color="#444444")
    above.set_ylabel("alpha_bar")
    above.set_ylim(0, 1)
    for axes, (names, lines) in zip(below, shared.items(), strict=True):
        own = look[names[0]]
        for place, visited in enumerate(lines):
            few = len(visited) <= FEW
            mark = {"marker": own.marker, "ms": 3.5} if few else {"marker": "|", "ms": 6, "mew": 0.5}
            axes.plot(visited, [place] * len(visited), color=own.colour, ls="none", **mark)
        axes.set_yticks(range(len(lines)), [plural(len(visited), "step") for visited in lines])
        axes.set_ylim(len(lines) - 0.4, -0.6)
        axes.set_title("\n".join(told[names]), loc="left", fontsize=8)
    below[-1].set_xlim(-0.01 * total, 1.01 * total)
    below[-1].set_xlabel("teacher's timestep")
    entitle(figure, title(group, f"The {teacher['schedule']} noise schedule (T = {total}) and its timesteps visited"))
    return figure


def subsequences(group: Group) -> dict[tuple[str, ...], list[tuple[int, ...]]]:
    """Return the sub-sequences of timesteps, by their length, that any cells visit, by the rows that all visit them."""
    found: dict[tuple[int, ...], list[str]] = {}
    for (name, steps), records in by_cell(group.records).items():
        visited = tuple(records[0].timesteps or ())
        if steps is not None and visited and name not in found.setdefault(visited, []):
            found[visited].append(name)
    shared: dict[tuple[str, ...], list[tuple[int, ...]]] = {}
    for visited, names in sorted(found.items(), key=lambda item: len(item[0])):
        shared.setdefault(tuple(names), []).append(visited)
    return shared
