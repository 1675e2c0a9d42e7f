"""How every plot looks, and each method's colour and marker."""

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
    ("#44AA99", "<"),
    ("#AA4499", "p"),
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


def look(method: str) -> Look:
    """Return a method's look, a variant's being its method's; one of another package gets its own by its name."""
    base = base_name(method)
    if base in methods.METHODS:
        return Look(*PALETTE[methods.place(base)])
    return Look(*PLUGGED[zlib.crc32(base.encode()) % len(PLUGGED)])


def looks(rows: Iterable[tuple[str, str]]) -> dict[str, Look]:
    """Return the look of each row by name, of (name, method): rows of one method differ in line, fill and tint."""
    found: dict[str, Look] = {}
    seen: dict[str, int] = {}
    for name, method in rows:
        base = base_name(method)
        tint, place = divmod(seen.setdefault(base, 0), len(LINES))
        seen[base] += 1
        own = look(method)
        found[name] = Look(paler(own.colour, tint), own.marker, LINES[place], FILLS[place])
    return found


def paler(colour: str, times: int) -> str:
    """Return a colour brought nearer to white, so many times."""
    if not times:
        return colour
    red, green, blue = (1 - (1 - part) * (1 - PALE) ** times for part in to_rgb(colour))
    return to_hex((red, green, blue))
