"""Plots from records, without torch; one style and one colour per method everywhere."""

import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from bench.files import write_bytes
from bench.records import REAL, Record

# Okabe and Ito's colour-blind-safe colours.
COLOURS = {
    "sfddm": "#0072B2",
    "sfddm-reference": "#56B4E9",
    "sfddm-trajectory": "#D55E00",
    "ddim": "#000000",
    "ddpm": "#999999",
    "pd": "#009E73",
    "pd-reference": "#E69F00",
    "scratch": "#CC79A7",
    "dpm-solver": "#F0E442",
}
MARKERS = "osD^vPX*<>"
STYLE: Any = {
    "pdf.fonttype": 42,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "sfddm",
}


def colour(method: str) -> str:
    """Return a method's colour; one of another package gets one of the nine by its name."""
    return COLOURS.get(method) or list(COLOURS.values())[zlib.crc32(method.encode()) % len(COLOURS)]


def measured(records: Sequence[Record]) -> list[float]:
    """Return the distances of those records that have one."""
    return [record.quality for record in records if record.quality is not None]


def quality_over_steps(records: Sequence[Record]) -> Figure:
    """Return the distance over steps, log axes, one line per method, a band over seeds, and the real data's floor."""
    first = records[0]
    figure = Figure(figsize=(5.6, 3.8), layout="constrained")
    axes = figure.add_subplot()
    names = dict.fromkeys(record.method for record in records if record.method != REAL)
    for number, name in enumerate(names):
        own = [record for record in records if record.method == name]
        steps = sorted({record.steps for record in own if record.steps is not None})
        values = [measured([record for record in own if record.steps == count]) for count in steps]
        axes.plot(
            steps, [np.mean(v) for v in values], color=colour(name), marker=MARKERS[number % len(MARKERS)], label=name
        )
        if any(len(v) > 1 for v in values):
            axes.fill_between(
                steps, [min(v) for v in values], [max(v) for v in values], color=colour(name), alpha=0.2, lw=0
            )
    floor = measured([record for record in records if record.method == REAL])
    if floor:
        axes.axhline(float(np.mean(floor)), color="#666666", ls="--", lw=1, label="real data, half against half")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = sorted({record.steps for record in records if record.steps is not None})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(matplotlib.ticker.LogLocator(subs=(2, 5)))
    axes.yaxis.set_minor_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("sampling steps")
    axes.set_ylabel(f"{first.quality_name}, lower is better")
    axes.set_title(f"{first.dataset} {first.resolution}x{first.resolution}, scale {first.scale}", fontsize=10)
    axes.grid(alpha=0.25, lw=0.5)
    axes.legend(frameon=False, fontsize=8)
    return figure


def write_figure(figure: Figure, path: Path) -> list[Path]:
    """Write a figure as PNG and PDF, the same bytes for the same records; return the paths."""
    paths = [path.with_suffix(".png"), path.with_suffix(".pdf")]
    metadata: list[dict[str, None]] = [{"Software": None}, {"CreationDate": None, "Producer": None, "Creator": None}]
    for target, kept in zip(paths, metadata, strict=True):
        buffer = BytesIO()
        figure.savefig(buffer, format=target.suffix[1:], dpi=200, metadata=kept)
        write_bytes(target, buffer.getvalue())
    return paths


def write_plots(records: Sequence[Record], folder: Path) -> list[Path]:
    """Write a sweep's plots; return the paths."""
    first = records[0]
    with matplotlib.rc_context(STYLE):
        figure = quality_over_steps(records)
        return write_figure(figure, folder / f"{first.dataset}-{first.resolution}-{first.scale}-quality")
