"""The numbers of one group as HTML: headlines against the control, quality by steps, quality and cost in full."""

from collections.abc import Sequence

from bench.groups import Group
from bench.report.markup import Cell, Html, join, table, tag
from bench.report.measures import Measure
from bench.report.spreads import Row, Spread, apart, marks, number, places, spread

CONTROL = "ddim"  # the teacher itself, on the student's own sub-sequence
DASH = "–"
NOTE = "Mean ± standard deviation over seeds; bold where the 95 % interval is apart from every other in the column."


def step_word(steps: int) -> str:
    """Return `1 step`, `4 steps`."""
    return f"{steps} step{'s' * (steps != 1)}"


def headlines(rows: Sequence[Row], quality: Measure) -> Html:
    """Return one card per step count: the best method against the teacher itself at as many steps."""
    found = {place: value for place, records in places(rows).items() if (value := spread(records, quality))}
    counts = sorted({steps for _, steps in found})
    cards = [headline(steps, {name: v for (name, count), v in found.items() if count == steps}, quality)
             for steps in counts]  # fmt: skip
    return tag("div", *cards, class_="cards")


def headline(steps: int, column: dict[str, Spread], quality: Measure) -> Html:
    """Return the card of one step count."""
    control = column.get(CONTROL)
    best = min((name for name in column if name != CONTROL), key=lambda name: column[name].mean, default=CONTROL)
    shown = column[best]
    parts = [
        tag("h4", step_word(steps)),
        tag("p", best, class_="winner"),
        tag("p", shown.text(quality.digits), class_="number"),
    ]
    if control is None:
        parts.append(tag("p", f"The control, {CONTROL}, was not measured at this step count."))
    elif best != CONTROL:
        parts += [
            tag("p", f"the teacher itself ({CONTROL}): ", tag("span", control.text(quality.digits), class_="figure")),
            tag("p", *comparison(shown, control), class_="comparison"),
        ]
    else:
        parts.append(tag("p", "the teacher itself; no other method was measured at this step count"))
    return tag("section", *parts, class_="card")


def comparison(best: Spread, control: Spread) -> tuple[str, ...]:
    """Return in words how the best stands to the control, and whether the intervals tell them apart."""
    ratio = control.mean / best.mean if best.mean > 0 else None
    if ratio is None:
        said = "no ratio: a distance of zero or less"
    elif ratio >= 1:
        said = f"{number(ratio, 2)} times lower"
    else:
        said = f"{number(1 / ratio, 2)} times higher: no better than the teacher itself"
    if best.interval is None or control.interval is None:
        return said, "; one seed, no interval"
    return said, "; intervals apart" if apart(best, control) else "; intervals overlap, undecided"


def quality_by_steps(group: Group, rows: Sequence[Row], quality: Measure) -> Html:
    """Return the distance of methods (rows) by step counts (columns), best and second marked, the floor below."""
    found = {place: value for place, records in places(rows).items() if (value := spread(records, quality))}
    names = list(dict.fromkeys(name for name, _ in rows))
    counts = sorted({record.steps for _, record in rows if record.steps is not None})
    ranks = {
        steps: marks({name: found[name, steps] for name in names if (name, steps) in found}, quality.better)
        for steps in counts
    }

    def cell(name: str, steps: int) -> Cell:
        value = found.get((name, steps))
        if value is None:
            return Cell(DASH)
        mark, clear = ranks[steps].get(name, (None, False))
        return Cell(value.text(quality.digits), value.mean, mark, clear)

    floor = spread(group.floors, quality)
    foot = []
    if floor:
        shown = Cell(floor.text(quality.digits), floor.mean)
        foot = [("floor: real data, half against half", [shown] * len(counts))]
    caption = f"{quality.title} by sampling steps, {quality.better} is better; {images(group)}. {NOTE}"
    return table(caption, ["method", *map(step_word, counts)],
                 [(name, [cell(name, steps) for steps in counts]) for name in names], foot)  # fmt: skip


def full(caption: str, rows: Sequence[Row], columns: Sequence[Measure]) -> Html:
    """Return measures (columns) of every method and step count (rows)."""
    lines = []
    for (name, steps), records in places(rows).items():
        cells = [Cell(str(steps), steps)]
        for measure in columns:
            value = spread(records, measure)
            cells.append(Cell(value.text(measure.digits), value.mean) if value else Cell(DASH))
        lines.append((name, cells))
    return table(caption, ["method", "steps", *(measure.title for measure in columns)], lines)


def images(group: Group) -> str:
    """Return how many images stand against how many, for a caption."""
    pairs = sorted({(record.images, record.reference_images) for record in group.cells})
    return "; ".join(f"{mine} images against {theirs} of the dataset" for mine, theirs in pairs)


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
