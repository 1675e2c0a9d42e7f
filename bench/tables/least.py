"""The tables of a frontier: the distance by budget, and the least budget that comes near the teacher's distance."""

import pandas as pd

from bench.config.counts import short
from bench.records.record import Record
from bench.tables.cells import JOINED_BY, identity
from bench.tables.frontier import FACTORS, Frontier, Point, Teacher
from bench.tables.measures import Measure, distance_measure
from bench.tables.summary import statistic
from bench.tables.table import DASH, Entry, Table, statistic_text
from sfddm.words import plural

LEADS = "†"
UNTRAINED, NEVER = "0", "never"


def distance_table(found: Frontier) -> Table:
    """Return the distance of rows under each budget (rows) by step counts (columns), the points marked that lead."""
    measure, steps = distance_measure(speaker(found)), sorted({count for row in found.rows.values() for count in row})
    lines = []
    for name, row in found.rows.items():
        for budget in sorted({point.budget for points in row.values() for point in points}):
            there = {count: point for count, points in row.items() for point in points if point.budget == budget}
            entries = [_distance(there.get(count), measure) for count in steps]
            lines.append((Entry(name), Entry(short(budget)), *entries))
    seeds = sorted({record.seed for record in found.family.records})
    notes = [
        "Budget: network evaluations in training; 0: nothing is trained.",
        f"{LEADS}: no other of the column has as low a median at as small a budget; medians are not tested.",
        f"Mean ± standard deviation over seeds {', '.join(map(str, seeds))}.",
        *failures(found),
    ]
    head = ("method", "budget", *(plural(count, "step") for count in steps))
    title = f"{measure.title} over training compute"
    return Table(title, tuple(notes), head, tuple(lines), names=2)


def _distance(point: Point | None, measure: Measure) -> Entry:
    if point is None:
        return Entry(DASH)
    value = statistic(point.records, measure)
    if value is None:
        return Entry("failed" if point.failed else DASH)
    return Entry(statistic_text(value, measure.digits), LEADS if point.leads else "", value=value.mean)


def least_table(found: Frontier) -> Table | None:
    """Return the least budget of each row (rows) that comes within factors of the teacher, by step count (columns).

    None if the control was not measured.
    """
    if found.teacher is None:
        return None
    columns = [(steps, factor) for steps in found.steps for factor in FACTORS]
    rows = [(Entry(name), *(_least_entry(found, name, *column) for column in columns)) for name in found.rows]
    head = ("method", *(f"{plural(steps, 'step')}, {factor:g}×" for steps, factor in columns))
    notes = _least_notes(found, found.teacher, {entry.text for row in rows for entry in row[1:]})
    return Table("Least budget that comes near the teacher's distance", tuple(notes), head, tuple(rows))


def _least_notes(found: Frontier, teacher: Teacher, texts: set[str]) -> list[str]:
    """Return what a reader of the least budgets is told, of what stands there."""
    shared = sorted({record.seed for record in found.family.records} & set(teacher.by_seed))
    notes = [
        f"The least of the budgets trained (network evaluations) under which the {speaker(found).distance_name} is at "
        f"most {', '.join(f'{factor:g}' for factor in FACTORS[:-1])} or {FACTORS[-1]:g} times that of the teacher, "
        f"{teacher.name} at {plural(teacher.steps, 'step')}: the geometric mean of the ratios, each seed to its own "
        f"teacher's (seeds {', '.join(map(str, shared))}). Nothing is interpolated between budgets.",
        f"{LEADS} the least of a column.",
    ]
    if beyond := sorted({text for text in texts if text.startswith(">")}):
        notes.append(f"{', '.join(beyond)}: not reached by the largest budget.")
    if texts & {UNTRAINED, NEVER}:
        notes.append(f"A sampler that trains nothing reaches it at no cost ({UNTRAINED}) or not at all ({NEVER}).")
    if found.trained_once:
        notes.append(f"One training serves all step counts of {', '.join(found.trained_once)}, and is paid once.")
    return [*notes, *failures(found)]


def _least_entry(found: Frontier, name: str, steps: int, factor: float) -> Entry:
    """Return the least budget of a row, marked if no row has a smaller one; what stands there if none reaches it."""
    teacher, points = found.teacher, found.rows[name].get(steps, ())
    if teacher is None or all(teacher.ratio(point) is None for point in points):
        return Entry(DASH)
    own, largest = found.least(name, steps, factor), points[-1].budget
    if own is not None:
        every = [budget for one in found.rows if (budget := found.least(one, steps, factor)) is not None]
        return Entry(short(own), LEADS if own == min(every) else "", value=own)
    return Entry(f"> {short(largest)}", value=largest + 1) if largest else Entry(NEVER)


def failures(found: Frontier) -> list[str]:
    """Return the sentence on cells that failed, by row, step count and budget; none if none did."""
    said = [
        f"{name} at {plural(steps, 'step')} under {short(point.budget)} (seed {', '.join(map(str, point.failed))})"
        for name, row in found.rows.items()
        for steps, points in row.items()
        for point in points
        if point.failed
    ]
    return [f"Failed, and in no number: {'; '.join(said)}."] if said else []


def frontier_frame(found: Frontier) -> pd.DataFrame:
    """Return one row per row name, step count and budget: the distance, over the teacher's, and whether it leads."""
    measure, teacher = distance_measure(speaker(found)), found.teacher
    rows = []
    for name, row in found.rows.items():
        for steps, points in row.items():
            for point in points:
                value, first = statistic(point.records, measure), point.records[0]
                rows.append(
                    identity(speaker(found))
                    | {"method": name, "steps": steps, "budget": point.budget, "share": first.share}
                    | {"init": first.init, "measure": measure.name, "seeds": value.seeds if value else 0}
                    | {"mean": value and value.mean, "sd": value and value.sd}
                    | {"median": point.middle if value else None, "leads": point.leads}
                    | {"teacher_steps": teacher and teacher.steps, "ratio": teacher and teacher.ratio(point)}
                    | {"trained_once": name in found.trained_once}
                )
    return pd.DataFrame(rows)


def least_frame(found: Frontier) -> pd.DataFrame:
    """Return one row per row name, step count and factor: the least budget that reaches it, or nothing."""
    rows = [
        identity(speaker(found))
        | {"method": name, "steps": steps, "factor": factor, "budget": found.least(name, steps, factor)}
        | {"largest": points[-1].budget, "teacher_steps": found.teacher.steps}
        for name, row in found.rows.items()
        for steps, points in row.items()
        for factor in FACTORS
        if found.teacher is not None and steps in found.steps
    ]
    columns = [*JOINED_BY, "method", "steps", "factor", "budget", "largest", "teacher_steps"]
    return pd.DataFrame(rows, columns=columns).astype({"budget": "Int64"})


def speaker(found: Frontier) -> Record:
    """Return a record whose dataset, device and protocol are those of all."""
    return found.family.largest.first
