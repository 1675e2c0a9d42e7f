"""The numbers of one group as HTML: headlines against the control, quality by steps, quality and cost in full."""

from collections.abc import Sequence
from dataclasses import replace

from bench.records.groups import Group
from bench.report.markup import Cell, Html, join, table, tag
from bench.tables.summary import Statistic, Summary, separated
from bench.tables.table import number, statistic_text

CONTROL = "ddim"  # the teacher itself, on the student's own sub-sequence
DASH = "–"
SPREAD = "Mean ± standard deviation over seeds."
MARKS = "Best and second of a column are marked; bold where the 95 % intervals of the two are apart."
BRACKETS = "In brackets: the same of unrelated pairs."


def step_word(steps: int) -> str:
    """Return `1 step`, `4 steps`."""
    return f"{steps} step{'s' * (steps != 1)}"


def shown(found: Statistic, digits: int | None) -> str:
    """Return a statistic as text; a spread of exactly nothing, as a count of folds has, is not shown."""
    return statistic_text(replace(found, sd=found.sd or None), digits)


def headlines(quality: Summary) -> Html:
    """Return one card per step count: the best method against the teacher itself at as many steps."""
    return tag("div", *(headline(steps, quality) for steps in quality.steps), class_="cards")


def headline(steps: int, quality: Summary) -> Html:
    """Return the card of one step count."""
    digits = quality.measure.digits
    column = {name: row[steps] for name, row in quality.rows.items() if steps in row}
    controls = [name for name in column if name.split(" ")[0] == CONTROL]
    rivals = [name for name in column if name not in controls]
    parts = [tag("h4", step_word(steps))]
    if not column:
        return tag("section", *parts, tag("p", "No method was measured at this step count."), class_="card")
    best = min(rivals or controls, key=lambda name: column[name].mean)
    parts += [tag("p", best, class_="winner"), tag("p", shown(column[best], digits), class_="number")]
    if not controls:
        parts.append(tag("p", f"The control ({CONTROL}) was not measured at this step count."))
    elif not rivals:
        parts.append(tag("p", "The teacher itself; no other method was measured at this step count."))
    else:
        control = column[controls[0]]
        parts += [
            tag("p", f"the teacher itself ({controls[0]}): ", tag("span", shown(control, digits), class_="figure")),
            tag("p", comparison(column[best], control), class_="comparison"),
        ]
    return tag("section", *parts, class_="card")


def comparison(best: Statistic, control: Statistic) -> str:
    """Return in words how the best stands to the control, and whether their intervals tell them apart."""
    if min(best.mean, control.mean) <= 0:
        said = "no ratio: a distance that is not above zero"
    elif best.mean <= control.mean:
        said = f"{number(control.mean / best.mean, 2)} times lower"
    else:
        said = f"{number(best.mean / control.mean, 2)} times higher: no better than the teacher itself"
    if best.low is None or control.low is None:
        return f"{said}; one seed, no interval"
    return f"{said}; 95 % intervals apart" if separated(best, control) else f"{said}; 95 % intervals overlap, undecided"


def quality_by_steps(quality: Summary, images: str) -> Html:
    """Return the distance of methods (rows) by step counts (columns), best and second marked, the floor below."""
    measure = quality.measure

    def cell(name: str, steps: int) -> Cell:
        found = quality.rows[name].get(steps)
        if found is None:
            return Cell("failed" if (name, steps) in quality.failed else DASH)
        return Cell(shown(found, measure.digits), found.mean, found.place, found.separated)

    floor = quality.floor
    foot = Cell(shown(floor, measure.digits), floor.mean) if floor else Cell(DASH)
    return table(
        f"{measure.title} by sampling steps, {measure.better} is better; {images}. {SPREAD} {MARKS}",
        ["method", *map(step_word, quality.steps)],
        [(name, [cell(name, steps) for steps in quality.steps]) for name in quality.rows],
        [("floor: real data, half against half", [foot] * len(quality.steps))] if floor else [],
    )


def full(caption: str, columns: Sequence[Summary]) -> Html:
    """Return measures (columns) of every method and step count (rows)."""

    def cell(column: Summary, name: str, steps: int) -> Cell:
        found = column.rows[name].get(steps)
        return Cell(shown(found, column.measure.digits), found.mean) if found else Cell(DASH)

    lines = [
        (name, [Cell(str(steps), steps), *(cell(column, name, steps) for column in columns)])
        for name in columns[0].rows
        for steps in columns[0].steps
        if any(steps in column.rows[name] for column in columns)
    ]
    if any(found.scale is not None for column in columns for row in column.rows.values() for found in row.values()):
        caption += f" {BRACKETS}"
    return table(f"{caption} {SPREAD}", ["method", "steps", *(column.measure.title for column in columns)], lines)


def images(group: Group) -> str:
    """Return how many images stand against how many, for a caption."""
    pairs = sorted({(record.images or 0, record.reference_images or 0) for record in group.cells})
    return " or ".join(f"{mine:,} images against {theirs:,} of the dataset" for mine, theirs in pairs)


def failures(group: Group) -> Html:
    """Return the cells that failed with their reasons; nothing where none did."""
    failed = [record for record in group.records if record.failure is not None]
    if not failed:
        return Html()
    rows = [
        (record.method, [Cell(DASH if record.steps is None else str(record.steps), record.steps),
                         Cell(str(record.seed), record.seed), Cell(record.failure or "")])
        for record in failed
    ]  # fmt: skip
    caption = "Cells that failed. They have no measurements and stand in no mean."
    return join([tag("h3", "Failed cells"), table(caption, ["method", "steps", "seed", "reason"], rows)])
