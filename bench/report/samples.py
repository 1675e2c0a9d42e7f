"""Contact sheets of samples and interpolation strips: the pictures that lie beside the records."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from bench.plots.samples import PATHS, shared_steps
from bench.records.pictures import (
    REAL_IMAGES,
    Pictures,
    closest_name,
    full_length_of,
    paths_name,
    read_rows,
    read_sheet,
)
from bench.records.record import Record

LARGEST = 60_000  # bytes of one picture in the page; a larger one is stored as JPEG
JPEG_QUALITY = 85
SIDE = 4  # by 4 images of each cell
ROWS_OF_PAIRS = 2  # of 4 pairs

Row = tuple[str, Record]  # a row's name in the tables, and a record of it


@dataclass(frozen=True)
class Samples:
    """One seed's pictures as WebP or JPEG files: contact sheets by row name and step count, strips by row name."""

    seed: int
    steps: list[int]  # all step counts, increasing
    sheets: dict[str, dict[int, bytes]]
    real: bytes | None  # the contact sheet of the dataset
    teacher: bytes | None  # the teacher's own over all its timesteps, of the same latents
    strips: dict[str, bytes]  # of interpolations, all at one step count
    strip_steps: int | None
    closest: dict[str, bytes]  # the images nearest to real ones beside those, by row name, all at one step count
    closest_steps: int | None
    keys: frozenset[str]  # of the records whose sheets they are
    elsewhere: tuple[str, ...] = ()  # rows whose cells are all shown with another group, and so not here


def samples(rows: Sequence[Row], pictures: Pictures, shown: Collection[str] = ()) -> Samples | None:
    """Return the first seed's contact sheets, and its interpolation strips at one step count; None without any sheet.

    The other seeds' lie beside their records: a page of them all would be too large to send. shown: keys of records
    whose pictures stand elsewhere on the page; a row of nothing else, such as of what trains nothing, is left out.
    """
    pictured = [row for row in rows if pictures.of(row[1])]
    if not pictured:
        return None
    seed = min(record.seed for _, record in pictured)
    first = [row for row in pictured if row[1].seed == seed]
    own = {name for name, record in first if record.key not in shown}
    chosen = [row for row in first if row[0] in own]
    if not chosen:
        return None
    one = chosen[0][1]
    real = pictures.of(one, REAL_IMAGES)
    names = [(record, full_length_of(record)) for _, record in chosen]
    teacher = next((path for record, name in names if name and (path := pictures.of(record, name))), None)
    strips = [(name, record, path) for name, record in chosen if (path := pictures.of(record, paths_name(record.name)))]
    strip_steps = one_count([record for _, record, _ in strips])
    paired = [
        (name, record, path) for name, record in chosen if (path := pictures.of(record, closest_name(record.name)))
    ]
    closest_steps = one_count([record for _, record, _ in paired])
    return Samples(
        seed=seed,
        steps=sorted({record.steps for _, record in chosen if record.steps is not None}),
        sheets=contact_sheets(chosen, pictures),
        real=compact(contact_sheet(real, one)) if real else None,
        teacher=compact(contact_sheet(teacher, one)) if teacher else None,
        strips={
            name: compact(read_rows(path, record.resolution, PATHS))
            for name, record, path in strips
            if record.steps == strip_steps
        },
        strip_steps=strip_steps,
        closest={
            name: compact(read_rows(path, record.resolution, ROWS_OF_PAIRS))
            for name, record, path in paired
            if record.steps == closest_steps
        },
        closest_steps=closest_steps,
        keys=frozenset(record.key for _, record in chosen),
        elsewhere=tuple(dict.fromkeys(name for name, _ in first if name not in own)),
    )


def one_count(records: Sequence[Record]) -> int | None:
    """Return the step count at which records are shown beside each other; None without any."""
    return shared_steps([record.steps for record in records if record.steps is not None]) if records else None


def contact_sheets(rows: Sequence[Row], pictures: Pictures) -> dict[str, dict[int, bytes]]:
    """Return the contact sheets of one seed's cells by row name and step count."""
    sheets: dict[str, dict[int, bytes]] = {}
    for name, record in rows:
        row = sheets.setdefault(name, {})
        if record.steps is not None and (path := pictures.of(record)):
            row[record.steps] = compact(contact_sheet(path, record))
    return sheets


def contact_sheet(path: Path, record: Record) -> np.ndarray:
    """Return the first images of a written grid as one picture, uint8, at the images' own resolution."""
    return read_sheet(path, record.resolution, SIDE, SIDE)


def compact(pixels: np.ndarray) -> bytes:
    """Return a picture as WebP without loss, or as JPEG if that is too large."""
    picture, buffer = Image.fromarray(pixels), BytesIO()
    picture.convert("RGB").save(buffer, format="WEBP", lossless=True, quality=100)
    if buffer.tell() > LARGEST:
        buffer = BytesIO()
        picture.convert("RGB").save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
