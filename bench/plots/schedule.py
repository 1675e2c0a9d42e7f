"""The teacher's noise schedule, and the sub-sequences on which students and samplers visit it."""

import numpy as np
from matplotlib.figure import Figure

from bench.plots.style import label_width, look
from bench.records.groups import Group
from bench.records.record import Record
from bench.tables.caption import heading
from bench.tables.summary import by_cell
from sfddm.schedule import alpha_bar_table

MOST_STEPS = 64  # more marks in one line than this cannot be told apart
PANEL = 3.6  # inches


def noise_schedule(group: Group) -> Figure | None:
    """Return alpha_bar over the teacher's timesteps, and below it a line for each sub-sequence that any cell visits.

    None if the teacher was given as a file: its schedule is in the file, not in the records.
    """
    teacher = group.first.config.get("teacher", {})
    lines = subsequences(group)
    if not lines or teacher.get("weights") or not teacher.get("schedule"):
        return None
    total = teacher["timesteps"]
    table = alpha_bar_table(teacher["schedule"], total)
    low = 0.35 + 0.22 * len(lines)
    wide = label_width(label for _, label, _ in lines) + PANEL
    figure = Figure(figsize=(wide, 2.6 + low), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, low))
    above.plot(np.arange(total), table, color="#444444")
    above.set_ylabel("alpha_bar")
    above.set_ylim(0, 1)
    above.set_title(f"{heading(group)}\n{teacher['schedule']} schedule, T = {total}", loc="left")
    for place, (visited, _, method) in enumerate(lines):
        own = look(method)
        below.plot(visited, [place] * len(visited), color=own.colour, marker=own.marker, ls="none", ms=3.5)
    below.set_yticks(range(len(lines)), [label for _, label, _ in lines])
    below.set_ylim(len(lines) - 0.5, -0.7)
    below.set_xlim(-0.01 * total, 1.01 * total)
    below.set_xlabel("teacher's timestep")
    return figure


def subsequences(group: Group) -> list[tuple[tuple[int, ...], str, str]]:
    """Return (timesteps, label, first method) of each short enough sub-sequence, by steps; equal ones share a line."""
    found: dict[tuple[int, ...], list[Record | str]] = {}
    for (name, steps), records in by_cell(group.records).items():
        visited = tuple(records[0].timesteps or ())
        if steps is not None and visited and len(visited) <= MOST_STEPS:
            known = found.setdefault(visited, [records[0]])
            known.append(name)
    lines = []
    for visited, (record, *names) in sorted(found.items(), key=lambda item: len(item[0])):
        assert isinstance(record, Record)
        who = " and ".join(map(str, names)) if len(names) <= 2 else f"{len(names)} methods"
        lines.append((visited, f"{len(visited)} step{'s' * (len(visited) != 1)}: {who}", record.method))
    return lines
