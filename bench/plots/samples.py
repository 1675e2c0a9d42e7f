"""Pictures from the cells' own: samples of all methods on shared latents, and interpolations."""

from collections.abc import Iterable, Mapping, Sequence
from math import log
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.plots.style import label_width
from bench.records.groups import Group
from bench.records.pictures import GAP, find_pictures, read_rows, read_sheet
from bench.records.record import Record
from bench.tables.caption import heading
from bench.tables.summary import by_cell

SHOWN = 2  # by 2 images of each cell
CELL = 0.85  # inches
PATHS = 2  # of a strip's: the first pair's, linear and spherical
STRIP = 4.4  # inches, the width of a strip
FEW_STEPS = 10  # about 1 % of the teacher's, of which the paper's claims speak


def cell_pictures(folders: Iterable[Path], records: Sequence[Record]) -> dict[str, Path]:
    """Return the pictures beside records, by file name without ending; each that is unfit is named, and left out."""
    return {path.stem: path for path in find_pictures(folders, records)}


def sample_grid(group: Group, pictures: Mapping[str, Path]) -> Figure | None:
    """Return the first images of each cell of the first seed: a row for each method, a column for each step count.

    The latent of image k is the same in every cell, so one place shows one latent all over the figure.
    """
    cells = first_seed(group, pictures, "")
    if not cells:
        return None
    names, steps = list(dict.fromkeys(name for name, _ in cells)), sorted({step for _, step in cells})
    images = {cell: read_sheet(path, record.resolution, SHOWN, SHOWN) for cell, (record, path) in cells.items()}
    side = next(iter(images.values())).shape[0]
    pitch = side + max(2, side // 12)
    shape = (pitch * len(names), pitch * len(steps), *next(iter(images.values())).shape[2:])
    sheet = np.full(shape, GAP, np.uint8)
    for (name, step), image in images.items():
        top, left = pitch * names.index(name), pitch * steps.index(step)
        sheet[top : top + side, left : left + side] = image
    figure = Figure(
        figsize=(max(3.6, label_width(names) + CELL * len(steps)), 0.9 + CELL * len(names)), layout="constrained"
    )
    axes = figure.add_subplot()
    show(axes, sheet[: side - pitch, : side - pitch])
    centres = side / 2 - 0.5 + pitch * np.arange(max(len(names), len(steps)))
    axes.set_xticks(centres[: len(steps)], ["1 step" if step == 1 else f"{step} steps" for step in steps])
    axes.set_yticks(centres[: len(names)], names)
    axes.xaxis.tick_top()
    seed = next(iter(cells.values()))[0].seed
    figure.suptitle(f"{heading(group)}\nthe same {SHOWN * SHOWN} latents in every cell, seed {seed}", fontsize=9)
    return figure


def interpolation_strips(group: Group, pictures: Mapping[str, Path]) -> Figure | None:
    """Return each method's interpolation between two latents, at a step count that most methods share."""
    cells = first_seed(group, pictures, "-interpolation")
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
    figure = Figure(figsize=(label_width(chosen) + STRIP, 0.8 + STRIP * len(sheet) / width), layout="constrained")
    axes = figure.add_subplot()
    show(axes, sheet[: height - pitch])
    axes.set_xticks([width / 20, width - width / 20], ["latent A", "latent B"])
    axes.xaxis.tick_top()
    axes.set_yticks(height / 2 - 0.5 + pitch * np.arange(len(images)), list(chosen))
    steps = f"{shared} step{'s' * (shared != 1)}"
    figure.suptitle(
        f"{heading(group)}\n{steps}, from latent A to latent B: linear path above, spherical below", fontsize=9
    )
    return figure


def shared_steps(steps: Sequence[int]) -> int:
    """Return the step count that occurs most often; of several, the nearest to FEW_STEPS by ratio."""
    return max(sorted(set(steps)), key=lambda step: (steps.count(step), -abs(log(step / FEW_STEPS))))


def first_seed(group: Group, pictures: Mapping[str, Path], suffix: str) -> dict[tuple[str, int], tuple[Record, Path]]:
    """Return, by row name and steps, the record of the least seed that has a picture of this kind, and the picture."""
    found: dict[tuple[str, int], tuple[Record, Path]] = {}
    for (name, steps), records in by_cell(group.records).items():
        for record in records:
            path = pictures.get(record.name + suffix)
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
