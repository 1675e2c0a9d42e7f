"""Pictures from the cells' own: samples of all methods on shared latents, and interpolations."""

from collections.abc import Sequence
from math import log
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.plots.panels import entitle, title
from bench.plots.style import label_width
from bench.records.groups import Group
from bench.records.pictures import GAP, OF_PATHS, REAL_IMAGES, Pictures, full_length_of, read_rows, read_sheet
from bench.records.record import REAL, Record
from bench.tables.summary import by_cell
from sfddm.words import plural

Cell = tuple[Record, Path]  # a record, and a picture beside it

SHOWN = 2  # by 2 images of each cell
CELL = 0.85  # inches
PATHS = 2  # of a strip's: the first pair's, linear and spherical
STRIP = 4.4  # inches, the width of a strip
FEW_STEPS = 10  # about 1 % of the teacher's, of which the paper's claims speak


def sample_grid(group: Group, pictures: Pictures) -> Figure | None:
    """Return the first images of each cell of the first seed: a row for each method, a column for each step count.

    Above them a row of real images, and one of the teacher's own over all its timesteps, where they were written. The
    latent of image k is the same in every cell, so one place shows one latent all over the figure.
    """
    cells = first_seed(group, pictures, "")
    if not cells:
        return None
    names, steps = list(dict.fromkeys(name for name, _ in cells)), sorted({step for _, step in cells})
    rows = above(list(cells.values()), pictures, len(steps)) | {
        name: [read(*cells[name, step]) if (name, step) in cells else None for step in steps] for name in names
    }
    sheet, centres = mosaic(list(rows.values()))
    height, width = len(rows), len(steps)
    figure = Figure(figsize=(max(4.0, label_width(rows) + CELL * width), 0.9 + CELL * height), layout="constrained")
    axes = figure.add_subplot()
    show(axes, sheet)
    axes.set_xticks(centres[:width], [plural(step, "step") for step in steps])
    axes.set_yticks(centres[:height], list(rows))
    axes.xaxis.tick_top()
    seed = next(iter(cells.values()))[0].seed
    told = f"seed {seed}, the same {SHOWN * SHOWN} latents in every cell" + " but the real data's" * (REAL in rows)
    entitle(figure, title(group, "Samples", told))
    return figure


def above(cells: Sequence[Cell], pictures: Pictures, columns: int) -> dict[str, list[np.ndarray | None]]:
    """Return the rows above those of methods: other real images in each column, the teacher's the same in all."""
    rows: dict[str, list[np.ndarray | None]] = {}
    record = cells[0][0]
    if real := pictures.of(record, REAL_IMAGES):
        rows[REAL] = [read(record, real, SHOWN * SHOWN * column) for column in range(columns)]
    for record, _ in cells:
        name = full_length_of(record)
        if name and (path := pictures.of(record, name)):
            total = record.config.get("teacher", {}).get("timesteps")
            return rows | {f"teacher, {total:,} steps" if total else "teacher": [read(record, path)] * columns}
    return rows


def read(record: Record, path: Path, first: int = 0) -> np.ndarray:
    """Return the images of one cell of the figure, from `first` on."""
    return read_sheet(path, record.resolution, SHOWN, SHOWN, first)


def mosaic(rows: Sequence[Sequence[np.ndarray | None]]) -> tuple[np.ndarray, np.ndarray]:
    """Return square images of equal size in rows as one picture with gaps, and where their centres are."""
    size = next(image for row in rows for image in row if image is not None).shape
    side, pitch = size[0], size[0] + max(2, size[0] // 12)
    sheet = np.full((pitch * len(rows), pitch * len(rows[0]), *size[2:]), GAP, np.uint8)
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            if image is not None:
                sheet[pitch * y : pitch * y + side, pitch * x : pitch * x + side] = image
    return sheet[: side - pitch, : side - pitch], side / 2 - 0.5 + pitch * np.arange(max(len(rows), len(rows[0])))


def interpolation_strips(group: Group, pictures: Pictures) -> Figure | None:
    """Return each method's interpolation between two latents, at a step count that most methods share."""
    cells = first_seed(group, pictures, OF_PATHS)
    if not cells:
        return None
    shared = shared_steps([step for _, step in cells])
    chosen = {name: (record, path) for (name, step), (record, path) in cells.items() if step == shared}
    images = [read_rows(path, record.resolution, PATHS) for record, path in chosen.values()]
    height, width = images[0].shape[:2]
    pitch = height + height // 6
    sheet = np.full((pitch * len(images), *images[0].shape[1:]), GAP, np.uint8)
    for place, image in enumerate(images):
        sheet[pitch * place : pitch * place + height] = image
    figure = Figure(figsize=(label_width(chosen) + STRIP, 0.9 + STRIP * len(sheet) / width), layout="constrained")
    axes = figure.add_subplot()
    show(axes, sheet[: height - pitch])
    axes.set_xticks([width / 20, width - width / 20], ["latent A", "latent B"])
    axes.xaxis.tick_top()
    axes.set_yticks(height / 2 - 0.5 + pitch * np.arange(len(images)), list(chosen))
    what = f"Interpolation between two latents in {plural(shared, 'step')}"
    entitle(figure, title(group, what, "linear path above, spherical below"))
    return figure


def shared_steps(steps: Sequence[int]) -> int:
    """Return the step count that occurs most often; of several, the nearest to FEW_STEPS by ratio."""
    return max(sorted(set(steps)), key=lambda step: (steps.count(step), -abs(log(step / FEW_STEPS))))


def first_seed(group: Group, pictures: Pictures, suffix: str) -> dict[tuple[str, int], Cell]:
    """Return, by row name and steps, the record of the least seed that has a picture of this kind, and the picture."""
    found: dict[tuple[str, int], Cell] = {}
    for (name, steps), records in by_cell(group.records).items():
        for record in records:
            path = pictures.of(record, f"{record.name}{suffix}.png")
            if steps is None or path is None or (name, steps) in found:
                continue
            found[name, steps] = (record, path)
    least = min((record.seed for record, _ in found.values()), default=0)
    return {cell: pair for cell, pair in found.items() if pair[0].seed == least}


def show(axes: Axes, image: np.ndarray) -> None:
    """Show uint8 pixels as they are, with nothing of a coordinate system but the labels."""
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_anchor("NE")  # what the layout leaves free is at the labels, and not beyond
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
