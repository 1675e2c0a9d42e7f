"""Contact sheets of samples and interpolation strips: the pictures that lie beside the records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from bench.plots.samples import PATHS, shared_steps
from bench.records.pictures import closest_name, find_pictures, full_length_of, read_rows, read_sheet
from bench.records.record import Record

LARGEST = 60_000  # bytes of one picture in the page; a larger one is stored as JPEG
JPEG_QUALITY = 85
SIDE = 4  # by 4 images of each cell
ROWS_OF_PAIRS = 2  # of 4 pairs

Row = tuple[str, Record]  # a row's name in the tables, and a record of it


@dataclass(frozen=True)
class Samples:
    """One seed's pictures as PNG or JPEG files: contact sheets by row name and step count, strips by row name."""

    seed: int
    steps: list[int]  # all step counts, increasing
    sheets: dict[str, dict[int, bytes]]
    real: bytes | None  # the contact sheet of the dataset
    teacher: bytes | None  # the teacher's own over all its timesteps, of the same latents
    strips: dict[str, bytes]  # of interpolations, all at one step count
    strip_steps: int | None
    closest: dict[str, bytes]  # the images nearest to real ones beside those, by row name, all at one step count
    closest_steps: int | None


def pictures_of(folders: Sequence[Path], records: Sequence[Record]) -> dict[str, Path]:
    """Return the pictures of every run under folders, by the name of their folder and their own without ending.

    Each that is unfit is named in a line on stderr, and left out.
    """
    return {f"{path.parent.name}/{path.stem}": path for path in find_pictures(sorted(folders), records)}


def samples(rows: Sequence[Row], pictures: Mapping[str, Path]) -> Samples | None:
    """Return the first seed's contact sheets, and its interpolation strips at one step count; None without any sheet.

    The other seeds' lie beside their records: a page of them all would be too large to send.
    """
    pictured = [row for row in rows if picture_name(row[1]) in pictures]
    if not pictured:
        return None
    seed = min(record.seed for _, record in pictured)
    chosen = [row for row in pictured if row[1].seed == seed]
    one = chosen[0][1]
    real = pictures.get(picture_name(one, "real-data"))
    names = [name for _, record in chosen if (name := teacher_name(record)) in pictures]
    teacher = pictures[names[0]] if names else None
    strips = [row for row in chosen if strip_name(row[1]) in pictures]
    strip_steps = one_count(strips)
    paired = [row for row in chosen if closest_of(row[1]) in pictures]
    closest_steps = one_count(paired)
    return Samples(
        seed=seed,
        steps=sorted({record.steps for _, record in chosen if record.steps is not None}),
        sheets=contact_sheets(chosen, pictures),
        real=compact(contact_sheet(real, one)) if real else None,
        teacher=compact(contact_sheet(teacher, one)) if teacher else None,
        strips={name: strip(record, pictures) for name, record in strips if record.steps == strip_steps},
        strip_steps=strip_steps,
        closest={
            name: compact(read_rows(pictures[closest_of(record)], record.resolution, ROWS_OF_PAIRS))
            for name, record in paired
            if record.steps == closest_steps
        },
        closest_steps=closest_steps,
    )


def one_count(rows: Sequence[Row]) -> int | None:
    """Return the step count at which rows are shown beside each other; None without any."""
    return shared_steps([record.steps for _, record in rows if record.steps is not None]) if rows else None


def contact_sheets(rows: Sequence[Row], pictures: Mapping[str, Path]) -> dict[str, dict[int, bytes]]:
    """Return the contact sheets of one seed's cells by row name and step count."""
    sheets: dict[str, dict[int, bytes]] = {}
    for name, record in rows:
        row = sheets.setdefault(name, {})
        if record.steps is not None:
            row[record.steps] = compact(contact_sheet(pictures[picture_name(record)], record))
    return sheets


def contact_sheet(path: Path, record: Record) -> np.ndarray:
    """Return the first images of a written grid as one picture, uint8, at the images' own resolution."""
    return read_sheet(path, record.resolution, SIDE, SIDE)


def strip(record: Record, pictures: Mapping[str, Path]) -> bytes:
    """Return a cell's interpolation strip."""
    return compact(read_rows(pictures[strip_name(record)], record.resolution, PATHS))


def compact(pixels: np.ndarray) -> bytes:
    """Return a picture as PNG, or as JPEG if that is too large."""
    picture, buffer = Image.fromarray(pixels), BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    if buffer.tell() > LARGEST:
        buffer = BytesIO()
        picture.convert("RGB").save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def picture_name(record: Record, of: str | None = None) -> str:
    """Return the name that finds a record's picture: its samples, or `of` in the same folder."""
    return f"{record.set_name}/{of or record.name}"


def teacher_name(record: Record) -> str:
    """Return the name that finds the full-length images of a record's teacher; nothing if it has none."""
    name = full_length_of(record)
    return picture_name(record, name.removesuffix(".png")) if name else ""


def closest_of(record: Record) -> str:
    """Return the name that finds the picture of a record's images nearest to real ones."""
    return picture_name(record, closest_name(record.name).removesuffix(".png"))


def strip_name(record: Record) -> str:
    """Return the name that finds a record's interpolation strip."""
    return picture_name(record, f"{record.name}-interpolation")
