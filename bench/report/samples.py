"""Sample grids and interpolation strips: the pictures that lie beside the records."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from bench.records import Record, cell_folder, record_name
from bench.report.markup import Html, details, image, join, scroll, tag
from bench.report.results import DASH, step_word

LARGEST = 60_000  # bytes of one picture in the page; a larger one is stored as JPEG
JPEG_QUALITY = 85

Row = tuple[str, Record]  # a row's name in the tables, and a record of it


def find_pictures(root: Path) -> dict[str, Path]:
    """Return the pictures of every run under a folder, by the name of their folder and their own without ending."""
    found = sorted(path for path in root.rglob("*.png") if path.parent.parent.name == "records")
    return {f"{path.parent.name}/{path.stem}": path for path in found}


def picture_name(record: Record, of: str | None = None) -> str:
    """Return by what name a record's picture is found: its sample grid, or `of` in the same folder."""
    return f"{cell_folder(Path(), record).name}/{of or record_name(record)}"


def compact(path: Path) -> bytes:
    """Return a picture as PNG without the enlargement it was written with, or as JPEG where that is too large."""
    pixels = np.asarray(Image.open(path))
    factor = next((n for n in range(min(pixels.shape[:2]), 1, -1) if enlarged(pixels, n)), 1)
    picture, buffer = Image.fromarray(pixels[::factor, ::factor]), BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    if buffer.tell() > LARGEST:
        buffer = BytesIO()
        picture.convert("RGB").save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def enlarged(pixels: np.ndarray, factor: int) -> bool:
    """Whether an image is one of a `factor`-th of its size, every pixel repeated."""
    if pixels.shape[0] % factor or pixels.shape[1] % factor:
        return False
    small = pixels[::factor, ::factor]
    return bool((small.repeat(factor, axis=0).repeat(factor, axis=1) == pixels).all())


def samples_section(rows: Sequence[Row], pictures: Mapping[str, Path]) -> Html:
    """Return the sample grids, seed by seed (the first one open), and the interpolation strips; empty without any."""
    parts: list[Html] = []
    for seed in sorted({record.seed for _, record in rows}):
        own = [row for row in rows if row[1].seed == seed and picture_name(row[1]) in pictures]
        if own:
            real = None if parts else pictures.get(picture_name(own[0][1], "real-data"))
            shown = grids(own, pictures, real)
            parts.append(details(f"The same for seed {seed}", shown) if parts else shown)
    strips = [row for row in rows if strip_name(row[1]) in pictures]
    if strips:
        parts += [tag("h4", "Interpolation between two latents"), *(strip(row, pictures) for row in strips)]
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
        return tag("td", image(compact(pictures[picture_name(record)]), alt, class_="pixels"))

    caption = f"Samples of seed {seed}. Image k of every grid starts from the same latent."
    lines = [
        tag("tr", tag("th", name, scope="row"), *(cell(name, steps) for steps in counts))
        for name in dict.fromkeys(name for name, _ in rows)
    ]
    if real:
        shown = tag("td", image(compact(real), "Images of the dataset", class_="pixels"))
        lines.append(tag("tr", tag("th", "real data", scope="row"), shown))
    head = tag("tr", tag("th", "method", scope="col"), *(tag("th", step_word(n), scope="col") for n in counts))
    return scroll(
        tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *lines), class_="grids"), caption
    )


def strip_name(record: Record) -> str:
    """Return by what name a record's interpolation strip is found."""
    return picture_name(record, f"{record_name(record)}-interpolation")


def strip(row: Row, pictures: Mapping[str, Path]) -> Html:
    """Return one cell's interpolation strip."""
    name, record = row
    assert record.steps is not None
    said = f"{name}, {step_word(record.steps)}, seed {record.seed}"
    shown = image(compact(pictures[strip_name(record)]), f"Interpolation by {said}", class_="pixels")
    return tag("figure", scroll(shown, f"Interpolation by {said}"), tag("figcaption", said), class_="strip")
