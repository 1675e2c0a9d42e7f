"""What sampling adds to the memory in use before it."""

from matplotlib.figure import Figure

from bench.metrics.sampling_cost import MIB
from bench.metrics.shown import value_at
from bench.plots.curves import curves
from bench.plots.panels import WIDTH, entitle, line, title
from bench.records.groups import Group
from bench.records.record import Record


def memory(group: Group) -> Figure | None:
    """Return the memory that sampling adds, by method: a point for each step count, of the GPU if there is one."""
    on_gpu = any(value_at(record, ("sampling_cost", "gpu_peak_bytes")) for record in group.cells)
    drawn = curves(group, added_on_gpu if on_gpu else added_to_process)
    if not drawn:
        return None
    figure = Figure(figsize=(WIDTH, 1.1 + 0.3 * len(drawn)), layout="constrained")
    axes = figure.add_subplot()
    for place, curve in enumerate(drawn):
        line(axes, curve, curve.middle, [place] * len(curve.at))
    axes.set_yticks(range(len(drawn)), [curve.name for curve in drawn])
    axes.set_ylim(len(drawn) - 0.5, -0.5)
    axes.set_xlim(0, 1.08 * max(max(curve.middle) for curve in drawn) or 1)
    where = "GPU memory beyond the weights" if on_gpu else "resident memory of the process"
    axes.set_xlabel(f"increase above idle (MiB), {where}")
    entitle(figure, title(group, "Memory that sampling adds", "a point for each step count"))
    return figure


def added_to_process(record: Record) -> float | None:
    """Return by how many MiB the process's resident memory grows while it samples."""
    added = value_at(record, ("sampling_cost", "rss_added_bytes"))
    return None if added is None else added / MIB


def added_on_gpu(record: Record) -> float | None:
    """Return by how many MiB the peak of what is allocated exceeds the weights, which are there when idle."""
    peak, weights = (value_at(record, ("sampling_cost", name)) for name in ("gpu_peak_bytes", "weights_bytes"))
    return None if peak is None or weights is None else max(peak - weights, 0) / MIB
