"""How every plot looks, and each method's colour, marker and line."""

import zlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from matplotlib.colors import to_hex, to_rgb

from bench.config import methods
from bench.config.variants import base_name

# Okabe and Ito's colour-blind-safe colours, Tol's wine in place of their yellow, which is faint on white, and Tol's
# muted ones for students that learn from themselves; in the order of the methods in bench/config/methods.py.
PALETTE = (
    ("#0072B2", "o"),
    ("#56B4E9", "s"),
    ("#D55E00", "D"),
    ("#009E73", "^"),
    ("#AA4499", "<"),
    ("#44AA99", "p"),
    ("#DDAA33", "d"),
    ("#661100", "8"),
    ("#6699CC", "*"),
    ("#E69F00", "v"),
    ("#BBCC33", "H"),
    ("#CC79A7", "P"),
    ("#000000", "X"),
    ("#8C8C8C", ">"),
    ("#882255", "h"),
)
# Of methods of other packages, none of them one of ours.
PLUGGED = (("#332288", "+"), ("#999933", "x"), ("#DD3497", "1"), ("#66A61E", "2"), ("#7F3B08", "3"))
# Variants of one method, in their order; from the fifth on in a paler tint.
LINES = ("-", "--", ":", "-.")
FILLS = ("full", "none", "left", "right")
PALE = 0.5  # how far a tint is on its way to white
FLOOR = "#666666"

STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.5,
    "pdf.fonttype": 42,  # text stays text
    "savefig.dpi": 200,
}


def label_width(labels: Iterable[str]) -> float:
    """Return how many inches the longest of the labels beside an axis takes, with what is around it."""
    return 0.4 + 0.07 * max(map(len, labels))


class Look(NamedTuple):
    """A row's colour, marker, line and fill of its marker."""

    colour: str
    marker: str
    line: str = LINES[0]
    fill: str = FILLS[0]


# Looks of methods of other packages: five that share nothing, then every other pair of their colours and markers.
OF_OTHERS = [
    Look(colour, PLUGGED[(place + turn) % len(PLUGGED)][1], LINES[turn % len(LINES)])
    for turn in range(len(PLUGGED))
    for place, (colour, _) in enumerate(PLUGGED)
]


def look(method: str) -> Look:
    """Return a method's look where no other is beside it, a variant's being its method's."""
    base = base_name(method)
    return looks_of_methods([base])[base]


def looks(rows: Iterable[tuple[str, str]]) -> dict[str, Look]:
    """Return the look of each row by name, of (name, method): rows of one method differ in line, fill and tint."""
    rows = list(rows)
    own = looks_of_methods(base_name(method) for _, method in rows)
    found: dict[str, Look] = {}
    seen: dict[str, int] = {}
    for name, method in rows:
        base = base_name(method)
        tint, place = divmod(seen.setdefault(base, 0), len(LINES))
        seen[base] += 1
        colour, marker, line, _ = own[base]
        first = LINES.index(line)
        found[name] = Look(paler(colour, tint), marker, LINES[(first + place) % len(LINES)], FILLS[place])
    return found


def looks_of_methods(names: Iterable[str]) -> dict[str, Look]:
    """Return the look of each method: ours by the palette, those of other packages by their names, none of them twice.

    A method of another package keeps its look from plot to plot, unless another one in the same plot has it already.
    """
    found: dict[str, Look] = {}
    taken: set[int] = set()
    for name in sorted(set(names)):
        if name in methods.METHODS:
            found[name] = Look(*PALETTE[methods.place(name)])
            continue
        first = zlib.crc32(name.encode()) % len(PLUGGED)
        order = [(first + further) % len(OF_OTHERS) for further in range(len(OF_OTHERS))]
        place = next((one for one in order if one not in taken), first)
        taken.add(place)
        found[name] = OF_OTHERS[place]
    return found


def paler(colour: str, times: int) -> str:
    """Return a colour brought nearer to white, so many times."""
    if not times:
        return colour
    red, green, blue = (1 - (1 - part) * (1 - PALE) ** times for part in to_rgb(colour))
    return to_hex((red, green, blue))
