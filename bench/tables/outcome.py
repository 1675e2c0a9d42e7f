"""What came out of a run, in one sentence: which method is best at each step count, and how long students trained."""

from statistics import fmean

from bench.config.counts import short
from bench.records.families import Family
from bench.tables.caption import heading_of_family, training_brief
from bench.tables.summary import by_cell
from bench.tables.table import number
from sfddm.words import plural


def outcome(family: Family) -> str | None:
    """Return the sentence of a family, of several budgets on the largest; None if no distance was measured there."""
    group = family.largest
    best: dict[int, tuple[float, str]] = {}
    for (name, steps), records in (by_cell(group.cells) if group.cells else {}).items():
        distances = [record.distance for record in records if record.distance is not None]
        if steps is not None and distances:
            best[steps] = min(best.get(steps, (float("inf"), "")), (fmean(distances), name))
    if not best:
        return None
    lowest = [f"{name} at {plural(steps, 'step')} ({number(mean, 2)})" for steps, (mean, name) in sorted(best.items())]
    seeds = plural(len({record.seed for record in group.cells}), "seed")
    under = f"under {short(group.budget)} " if family.spans and group.budget is not None else ""
    said = (
        f"{heading_of_family(family)}, {seeds}: {under}the lowest {group.first.distance_name} is that of "
        f"{', '.join(lowest)}"
    )
    trained = training_brief(group.cells)
    return f"{said}; {trained}." if trained else f"{said}."
