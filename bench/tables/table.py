"""A table before it has a form: what Markdown, LaTeX and the console each write down."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.statistics import LEAST_SEEDS
from bench.tables.summary import Statistic, Summary
from sfddm.words import plural

DASH = "-"
HALVES, FRESH = "real data, half against half", "real data, held-out images"
BEST, SECOND = "†", "‡"
AT_LEAST, NOISE = ">= ", "~"
FEW_SEEDS = f"With fewer than {LEAST_SEEDS} seeds, nothing tells them apart."
ABOUT_NOISE = f"{NOISE} the machine was not quiet: noise, not a difference."


@dataclass(frozen=True)
class Entry:
    """One entry: its text, a mark after it, whether it is bold, and the number that it is sorted by if it has one."""

    text: str
    mark: str = ""
    bold: bool = False
    value: float | None = None


@dataclass(frozen=True)
class Table:
    """A title, sentences below it, a head, rows of equal length, and below them rows of one value for all columns.

    floors: those rows, each a name and a value. notes: sentences of its own. signs: those that the tables of one file
    share, on signs and seeds.
    """

    title: str
    notes: tuple[str, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]
    floors: tuple[tuple[str, str], ...] = ()
    names: int = 1  # columns from the left that say what a row is
    signs: tuple[str, ...] = ()

    @property
    def sentences(self) -> str:
        """All that a reader is told, in one paragraph."""
        return " ".join([*self.notes, *self.signs])


def number(value: float, digits: int | None) -> str:
    """Return a number with so many digits after the point, or with three significant ones; never with an exponent."""
    places = decimals(value) if digits is None else digits
    text = f"{value:,.{places}f}" if abs(value) >= 10_000 else f"{value:.{places}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.lstrip("-")


def decimals(value: float) -> int:
    """Return how many digits after the point show three significant ones."""
    return max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0


def statistic_text(found: Statistic, digits: int | None) -> str:
    """Return `12.3`, `12.3 ± 0.4` for several seeds, and `[5.6]` after it if there is a value to read it against.

    What is the same under every seed, such as folds, shows no spread. `>= ` before it: only a lower bound; `~`: noise.
    """
    places = decimals(found.mean) if digits is None else digits
    spread = "" if not found.sd else f" ± {number(found.sd, places)}"
    scale = "" if found.unrelated is None else f" [{number(found.unrelated, places)}]"
    return f"{marks(found.is_bound, found.is_noise)}{number(found.mean, places)}{spread}{scale}"


def marks(is_bound: bool, is_noise: bool) -> str:
    """Return what stands before a number that is only a lower bound, or was measured on a machine not quiet."""
    return AT_LEAST * is_bound + NOISE * is_noise


def summary_table(shown: Summary, seeds: list[int]) -> Table:
    """Return the table of a summary: methods by steps."""
    digits = shown.measure.digits
    rows = []
    for name, row in shown.rows.items():
        cells = [Entry(name)]
        for steps in shown.steps:
            if (name, steps) in shown.failed:
                cells.append(Entry("failed"))
            elif steps not in row:
                cells.append(Entry(DASH))
            else:
                mark = {"best": BEST, "second": SECOND, "": ""}[row[steps].place]
                cells.append(Entry(statistic_text(row[steps], digits), mark, row[steps].separated))
        rows.append(tuple(cells))
    head = ("method", *(plural(steps, "step") for steps in shown.steps))
    floors = tuple((name, statistic_text(one, digits)) for name, one in floors_of(shown))
    found = [statistic for row in shown.rows.values() for statistic in row.values()]
    notes, signs = _notes(shown, found, seeds), _signs(found, seeds)
    return Table(shown.measure.title, tuple(notes), head, tuple(rows), floors, signs=tuple(signs))


def floors_of(shown: Summary) -> list[tuple[str, Statistic]]:
    """Return the rows of the real data, by what they are called."""
    floor = "real data (floor)" if shown.measure.better == "lower" else "real data"
    name = HALVES if shown.fresh else shown.measure.shown.real or floor
    return [(name, one) for name, one in ((name, shown.floor), (FRESH, shown.fresh)) if one is not None]


def _notes(shown: Summary, found: Sequence[Statistic], seeds: list[int]) -> list[str]:
    """Return the sentences that are a table's own."""
    notes = [] if shown.measure.better is None else [f"{shown.measure.better.capitalize()} is better."]
    if shown.trained_once:
        notes.append(f"One training serves all step counts of {', '.join(shown.trained_once)}, and is paid once.")
    if not any(statistic.sd for statistic in found):
        notes.append(f"Seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}.")
    if any(statistic.place for statistic in found) and not any(statistic.separated for statistic in found):
        enough = max(len(statistic.by_seed) for statistic in found) >= LEAST_SEEDS
        notes.append("Best and second are nowhere apart." if enough else FEW_SEEDS)
    if fewer := [
        f"{name} at {plural(steps, 'step')} (seed {', '.join(map(str, one.failed))})"
        for name, row in shown.rows.items()
        for steps, one in row.items()
        if one.failed
    ]:
        notes.append(f"Failed, and not in the mean: {'; '.join(fewer)}.")
    return notes


def _signs(found: Sequence[Statistic], seeds: list[int]) -> list[str]:
    """Return the sentences on signs that a reader needs, and no other."""
    signs = []
    if any(statistic.sd for statistic in found):
        signs.append(f"Mean ± standard deviation over seeds {', '.join(map(str, seeds))}.")
    if any(statistic.unrelated is not None for statistic in found):
        signs.append("In brackets: the same of unrelated pairs.")
    if any(statistic.is_bound for statistic in found):
        signs.append(f"{AT_LEAST.strip()} a larger batch may give more.")
    if any(statistic.is_noise for statistic in found):
        signs.append(ABOUT_NOISE)
    if any(statistic.same_calls for statistic in found):
        signs.append("Methods that make the same calls share a place.")
    if any(statistic.place for statistic in found):
        signs.append(
            f"{BEST} best and {SECOND} second of a column; bold where the paired test over seeds tells the two apart "
            f"(95 %, {LEAST_SEEDS} seeds or more)."
        )
    return signs
