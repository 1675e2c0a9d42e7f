"""The pictures beside a record compared with the images that they show. No torch."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from bench.records.measured import PATHS, SAMPLES
from bench.records.pictures import COLUMNS, rows_of_paths, sheet_of
from bench.store.layout import StageFolder


def pictures(path: Path, folders: dict[str, list[StageFolder]]) -> Iterator[tuple[Path, np.ndarray]]:
    """Yield each picture beside a record with the pixels that the stages' images give; unreadable images give none."""
    for kind, file, suffix in (("samples", SAMPLES, ""), ("interpolation", PATHS, "-interpolation")):
        for folder in folders.get(kind, []):
            try:
                images = np.load(folder.path / file, mmap_mode="r", allow_pickle=False)
                pixels, columns = (images, COLUMNS) if kind == "samples" else rows_of_paths(images)
                yield path.with_name(f"{path.stem}{suffix}.png"), sheet_of(pixels, columns)
            except (OSError, ValueError, IndexError, EOFError):
                continue  # named already by its hash


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
