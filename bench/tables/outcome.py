"""What came out of a run, in one sentence: which method is best at each step count, and how long students trained."""

from statistics import fmean

from bench.config.methods import SINGLE_FOLD
from bench.config.variants import base_name
from bench.records.groups import Group
from bench.records.record import Record
from bench.tables.caption import heading
from bench.tables.summary import by_cell
from bench.tables.table import number
from sfddm.words import plural

PER_IMAGE = 4  # its network evaluations in training: the teacher forward, the student forward and backward


def outcome(group: Group) -> str | None:
    """Return the sentence of a group; None if no distance was measured."""
    best: dict[int, tuple[float, str]] = {}
    for (name, steps), records in (by_cell(group.cells) if group.cells else {}).items():
        distances = [record.distance for record in records if record.distance is not None]
        if steps is not None and distances:
            best[steps] = min(best.get(steps, (float("inf"), "")), (fmean(distances), name))
    if not best:
        return None
    lowest = [f"{name} at {plural(steps, 'step')} ({number(mean, 2)})" for steps, (mean, name) in sorted(best.items())]
    seeds = plural(len({record.seed for record in group.cells}), "seed")
    said = f"{heading(group)}, {seeds}: the lowest {group.first.distance_name} is that of {', '.join(lowest)}"
    share = share_of_images(group.cells)
    return f"{said}; {share}." if share else f"{said}."


def share_of_images(records: list[Record]) -> str | None:
    """Return what part of its teacher's images the single fold's student saw, in words; None if that is not known."""
    shares = {share for record in records if (share := _share(record)) is not None}
    if len(shares) != 1:
        return None
    return f"{SINGLE_FOLD}'s students saw {100 * shares.pop():.0f} % as many images as their teacher"


def _share(record: Record) -> float | None:
    teacher, cost = record.config.get("teacher", {}), record.training_cost
    if base_name(record.method) != SINGLE_FOLD or cost is None or teacher.get("weights") is not None:
        return None
    images = teacher.get("iterations", 0) * teacher.get("batch", 0)
    return cost.evaluations / PER_IMAGE / images if images else None
