"""Sample grids and interpolation strips: the pictures that lie beside the records."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from bench.plots.samples import PATHS, shared_steps
from bench.records.pictures import read_grid, read_rows
from bench.records.record import Record, cell_folder, record_name
from bench.report.markup import Html, image, join, scroll, tag
from bench.report.results import DASH, step_word

LARGEST = 60_000  # bytes of one picture in the page; a larger one is stored as JPEG
JPEG_QUALITY = 85
SIDE = 4  # by 4 images of each cell

Row = tuple[str, Record]  # a row's name in the tables, and a record of it


def find_pictures(root: Path) -> dict[str, Path]:
    """Return the pictures of every run under a folder, by the name of their folder and their own without ending."""
    found = sorted(path for path in root.rglob("*.png") if path.parent.parent.name == "records")
    return {f"{path.parent.name}/{path.stem}": path for path in found}


def picture_name(record: Record, of: str | None = None) -> str:
    """Return by what name a record's picture is found: its sample grid, or `of` in the same folder."""
    return f"{cell_folder(Path(), record).name}/{of or record_name(record)}"


def compact(pixels: np.ndarray) -> bytes:
    """Return a picture as PNG, or as JPEG where that is too large."""
    picture, buffer = Image.fromarray(pixels), BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    if buffer.tell() > LARGEST:
        buffer = BytesIO()
        picture.convert("RGB").save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def samples_section(rows: Sequence[Row], pictures: Mapping[str, Path]) -> Html:
    """Return the first seed's sample grids, and its interpolation strips at one step count; empty without any.

    The other seeds' lie beside their records: a page of them all would be too large to send.
    """
    shown = [row for row in rows if picture_name(row[1]) in pictures]
    if not shown:
        return join([])
    first = min(record.seed for _, record in shown)
    shown = [row for row in shown if row[1].seed == first]
    parts = [grids(shown, pictures, pictures.get(picture_name(shown[0][1], "real-data")))]
    strips = [row for row in shown if strip_name(row[1]) in pictures]
    if strips:
        steps = shared_steps([record.steps for _, record in strips if record.steps is not None])
        chosen = [row for row in strips if row[1].steps == steps]
        parts += [tag("h4", "Interpolation between two latents"), *(strip(row, pictures) for row in chosen)]
    return join(parts)


def grids(rows: Sequence[Row], pictures: Mapping[str, Path], real: Path | None) -> Html:
    """Return one seed's grids: a row per method, a column per step count; real images below where given."""
    seed = rows[0][1].seed
    counts = sorted({record.steps for _, record in rows if record.steps is not None})
    found = {(name, record.steps): record for name, record in rows}

    def cell(name: str, steps: int) -> Html:
        record = found.get((name, steps))
        if record is None:
            return tag("td", DASH)
        alt = f"Samples of {name} at {step_word(steps)}, seed {seed}"
        return tag("td", image(compact(grid(pictures[picture_name(record)], record)), alt, class_="pixels"))

    caption = f"Samples of seed {seed}. Image k of every grid starts from the same latent."
    lines = [
        tag("tr", tag("th", name, scope="row"), *(cell(name, steps) for steps in counts))
        for name in dict.fromkeys(name for name, _ in rows)
    ]
    if real:
        shown = tag("td", image(compact(grid(real, rows[0][1])), "Images of the dataset", class_="pixels"))
        lines.append(tag("tr", tag("th", "real data", scope="row"), shown))
    head = tag("tr", tag("th", "method", scope="col"), *(tag("th", step_word(n), scope="col") for n in counts))
    return scroll(
        tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *lines), class_="grids"), caption
    )


def grid(path: Path, record: Record) -> np.ndarray:
    """Return the first images of a written grid as one picture."""
    return read_grid(path, record.resolution, SIDE, SIDE)


def strip_name(record: Record) -> str:
    """Return by what name a record's interpolation strip is found."""
    return picture_name(record, f"{record_name(record)}-interpolation")


def strip(row: Row, pictures: Mapping[str, Path]) -> Html:
    """Return one cell's interpolation strip."""
    name, record = row
    assert record.steps is not None
    said = f"{name}, {step_word(record.steps)}, seed {record.seed}"
    paths = read_rows(pictures[strip_name(record)], record.resolution, PATHS)
    shown = image(compact(paths), f"Interpolation by {said}, linear above, spherical below", class_="pixels")
    return tag("figure", scroll(shown, f"Interpolation by {said}"), tag("figcaption", said), class_="strip")
