"""How every plot looks, and each method's colour and marker."""

import zlib
from typing import Any

# Okabe and Ito's colour-blind-safe colours, and Tol's wine in place of their yellow, which is faint on white.
LOOKS = {
    "sfddm": ("#0072B2", "o"),
    "sfddm-reference": ("#56B4E9", "s"),
    "sfddm-trajectory": ("#D55E00", "D"),
    "pd": ("#009E73", "^"),
    "pd-reference": ("#E69F00", "v"),
    "scratch": ("#CC79A7", "P"),
    "ddim": ("#000000", "X"),
    "ddpm": ("#8C8C8C", ">"),
    "dpm-solver": ("#882255", "h"),
}
LINES = ("-", "--", ":", "-.")  # variants of one method, in their order
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


def look(method: str) -> tuple[str, str]:
    """Return a method's colour and marker; one of another package gets one of the nine by its name."""
    return LOOKS.get(method) or list(LOOKS.values())[zlib.crc32(method.encode()) % len(LOOKS)]
