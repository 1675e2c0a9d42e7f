"""The pictures beside a record compared with the images that they show. No torch."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from bench.records.measured import CLOSEST, PATHS, SAMPLES
from bench.records.pictures import (
    COLUMNS,
    closest_name,
    full_length_name,
    paths_name,
    rows_of_pairs,
    rows_of_paths,
    sheet_of,
)
from bench.records.record import Record
from bench.store.layout import StageFolder


def pictures(path: Path, record: Record, folders: dict[str, list[StageFolder]]) -> Iterator[tuple[Path, np.ndarray]]:
    """Yield each picture beside a record with the pixels that the stages' images give; unreadable images give none."""
    kinds = (("samples", SAMPLES), ("interpolation", PATHS), ("full-length", SAMPLES), ("metrics", CLOSEST))
    for kind, file in kinds:
        for folder in folders.get(kind, []):
            name = picture_name(kind, path.stem, folder.key)
            if kind in ("full-length", "metrics") and name not in record.pictures:
                continue  # versions before did not show them
            try:
                images = np.load(folder.path / file, mmap_mode="r", allow_pickle=False)
                images = rows_of_pairs(images) if kind == "metrics" else images
                pixels, columns = rows_of_paths(images) if kind == "interpolation" else (images, COLUMNS)
                yield path.with_name(name), sheet_of(pixels, columns)
            except (OSError, ValueError, IndexError, EOFError):
                continue  # named already by its hash


def picture_name(kind: str, stem: str, key: str) -> str:
    """Return the file name of the picture of a stage of a kind, beside the record of a stem."""
    if kind == "full-length":
        return full_length_name(key)
    if kind == "metrics":
        return closest_name(stem)
    return paths_name(stem) if kind == "interpolation" else f"{stem}.png"


def picture_fault(path: Path, expected: np.ndarray) -> str | None:
    """Return why a picture does not show the expected pixels, None if it does. How PNG packs them does not matter."""
    try:
        with Image.open(path) as picture:
            found = np.asarray(picture)
    except FileNotFoundError:
        return "is missing, the images that it shows are here"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"is not a readable picture ({error})"
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return f"has pixels {found.shape}, its stage's images give {expected.shape}"
    if different := int((found != expected).sum()):
        return f"is not what its stage's images give: {different} of {expected.size} values differ"
    return None
