"""The headlines: at each step count, the best method beside the teacher itself."""

from dataclasses import dataclass

from bench.claims.setups import CONTROL
from bench.tables.summary import Statistic, Summary, separated
from bench.tables.table import number, statistic_text


@dataclass(frozen=True)
class Card:
    """The headline of one step count. Texts are empty if nothing was measured to write them from."""

    steps: int
    best: str = ""  # the best method that is not the control, or the control if it is alone
    distance: str = ""
    control: str = ""
    control_distance: str = ""
    comparison: str = ""  # empty if only the control was measured


def cards(quality: Summary) -> list[Card]:
    """Return one card per step count: the best method against the teacher itself at as many steps."""
    return [card(steps, quality) for steps in quality.steps]


def card(steps: int, quality: Summary) -> Card:
    """Return the card of one step count."""
    digits = quality.measure.digits
    column = {name: row[steps] for name, row in quality.rows.items() if steps in row}
    controls = [name for name in column if name.split(" ")[0] == CONTROL]
    rivals = [name for name in column if name not in controls]
    if not column:
        return Card(steps)
    best = min(rivals or controls, key=lambda name: column[name].mean)
    distance = statistic_text(column[best], digits)
    if not controls:
        return Card(steps, best, distance)
    control = column[controls[0]]
    said = compare(column[best], control) if rivals else ""
    return Card(steps, best, distance, controls[0], statistic_text(control, digits), said)


def compare(best: Statistic, control: Statistic) -> str:
    """Return in words how the best compares to the control, and whether their intervals tell them apart."""
    if min(best.mean, control.mean) <= 0:
        said = "no ratio: a distance that is not above zero"
    elif best.mean <= control.mean:
        said = f"{number(control.mean / best.mean, 2)} times lower"
    else:
        said = f"{number(best.mean / control.mean, 2)} times higher: no better than the teacher itself"
    if best.low is None or control.low is None:
        return f"{said}; one seed, no interval"
    return f"{said}; 95 % intervals apart" if separated(best, control) else f"{said}; 95 % intervals overlap, undecided"
