"""The headlines: at each step count, the best method beside the teacher itself."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bench.config.methods import CONTROL
from bench.statistics import LEAST_SEEDS
from bench.tables.summary import Statistic, Summary, difference
from bench.tables.table import number, statistic_text
from sfddm.words import plural

NO_STUDENT = "No student: it trains nothing, but samples the teacher in another way."


@dataclass(frozen=True)
class Card:
    """The headline of one step count. Texts are empty if nothing was measured to write them from."""

    steps: int
    best: str = ""  # the best method that is not the control, or the control if it is alone
    distance: str = ""
    control: str = ""
    control_distance: str = ""
    comparison: str = ""  # empty if only the control was measured


def cards(quality: Summary, untrained: Collection[str]) -> list[Card]:
    """Return one card per step count: the best method against the teacher itself at as many steps.

    untrained: the rows that are no students.
    """
    return [card(steps, quality, untrained) for steps in quality.steps]


def card(steps: int, quality: Summary, untrained: Collection[str]) -> Card:
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
    said = compare(quality.rows[best], quality.rows[controls[0]], steps) if rivals else ""
    said += f". {NO_STUDENT}" * bool(rivals and best in untrained)
    return Card(steps, best, distance, controls[0], statistic_text(control, digits), said)


def compare(ours: Mapping[int, Statistic], theirs: Mapping[int, Statistic], steps: int) -> str:
    """Return in words how the best compares to the control, and whether the paired test over seeds tells them apart."""
    best, control = ours[steps], theirs[steps]
    if min(best.mean, control.mean) <= 0:
        said = "no ratio: a distance that is not above zero"
    elif best.mean <= control.mean:
        said = f"{number(control.mean / best.mean, 2)} times lower"
    else:
        said = f"{number(best.mean / control.mean, 2)} times higher: no better than the teacher itself"
    found = difference(ours, theirs, steps)
    seeds = found.seeds if found else 0
    if found is None or not found.decides:
        return f"{said}; {plural(seeds, 'seed')} of the {LEAST_SEEDS} that decide"
    return f"{said}; {'told apart' if found.differs() else 'not told apart'} by the paired test over {seeds} seeds"
