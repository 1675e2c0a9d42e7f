"""Contact sheets: many images as one picture, written beside records and read back. No torch.

A record holds the hashes of the pictures beside it. One that is not what was written, or no picture at all, is left out
of plots and report, and named in a line.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from bench.records.record import Record
from bench.store.files import file_sha256, write_bytes
from bench.store.text import to_stderr

SHOWN = 64
COLUMNS = 8
PATHS_SHOWN = 3
PAIRS_SHOWN = SHOWN // 2  # of generated images, each with its nearest real one on its right
REAL_IMAGES = "real-data.png"  # beside the records of a set: the dataset's first images
OF_PATHS = "-interpolation"  # ends the name of a picture of paths between latents, after the record's
FULL_LENGTH = "full-length"  # beside them, by the teacher and the seed: its own images over all its timesteps
GAP = 170  # grey between images in a figure: seen beside white images and black ones
LEAST_PIXELS = 512  # a sheet is enlarged, by whole factors, to at least this width


def full_length_name(key: str) -> str:
    """Return the file name of the teacher's full-length images, of the stage with a key."""
    return f"{FULL_LENGTH}-{key[:8]}.png"


def full_length_of(record: Record) -> str | None:
    """Return the file name of the full-length images of a record's teacher and seed; None if it has none."""
    return next((name for name in record.pictures if name.startswith(f"{FULL_LENGTH}-")), None)


def closest_name(record_name: str) -> str:
    """Return the file name of the picture of the images of a record that are nearest to real ones, beside those."""
    return f"{record_name}-closest.png"


def paths_name(record_name: str) -> str:
    """Return the file name of the picture of a record's paths between latents."""
    return f"{record_name}{OF_PATHS}.png"


def write_sheet(pixels: np.ndarray, path: Path, columns: int = COLUMNS) -> None:
    """Write a contact sheet of uint8 images (N,C,H,W), atomically."""
    write_bytes(path, sheet_png(pixels, columns))


def sheet_png(pixels: np.ndarray, columns: int = COLUMNS) -> bytes:
    """Return the contact sheet of uint8 images (N,C,H,W) as a PNG file."""
    buffer = BytesIO()
    Image.fromarray(sheet_of(pixels, columns)).save(buffer, format="PNG")
    return buffer.getvalue()


def sheet_of(pixels: np.ndarray, columns: int = COLUMNS) -> np.ndarray:
    """Return the first 64 of images (N,C,H,W), eight or so a row, a pixel of white between: uint8 (H,W) or (H,W,3)."""
    shown = np.asarray(pixels[:SHOWN])
    count, channels, height, width = shown.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + 1) + 1, columns * (width + 1) + 1, channels), 255, np.uint8)
    for k, image in enumerate(shown):
        top, left = (k // columns) * (height + 1) + 1, (k % columns) * (width + 1) + 1
        sheet[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    factor = max(1, -(-LEAST_PIXELS // sheet.shape[1]))
    sheet = sheet.repeat(factor, axis=0).repeat(factor, axis=1)
    return sheet.squeeze(2) if channels == 1 else sheet


def rows_of_paths(pixels: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the first three pairs' paths as images, and how many stand in a row: linear above spherical.

    pixels: uint8 (kinds, paths, points, C, H, W).
    """
    rows = pixels[:, :PATHS_SHOWN].swapaxes(0, 1)
    return rows.reshape(-1, *pixels.shape[3:]), pixels.shape[2]


def rows_of_pairs(pairs: np.ndarray) -> np.ndarray:
    """Return pairs of images, uint8 (pairs, 2, C, H, W), as images (N,C,H,W) in the order of a sheet."""
    return pairs.reshape(-1, *pairs.shape[2:])


def left_out(line: str) -> None:
    """Name on stderr a picture that is left out."""
    to_stderr(f"sfddm-bench: {line}")


class Pictures:
    """The pictures beside records under folders, to be found by the record that they belong to.

    Each that is unfit is named, and left out.
    """

    def __init__(self, folders: Iterable[Path], records: Sequence[Record]):
        self._paths: dict[tuple[str, str], list[Path]] = {}
        for path in find_pictures(folders, records):
            self._paths.setdefault((path.parent.name, path.name), []).append(path)

    def of(self, record: Record, name: str | None = None) -> Path | None:
        """Return a record's samples, or the picture of a name beside it; None if there is none.

        Of several of the name, in several folders, the one that the record has the hash of.
        """
        name = name or f"{record.name}.png"
        paths = self._paths.get((record.set_name, name), [])
        if len(paths) > 1 and (seal := record.pictures.get(name)):
            return next((path for path in paths if file_sha256(path) == seal), None)
        return paths[0] if paths else None


def find_pictures(
    folders: Iterable[Path], records: Sequence[Record], complain: Callable[[str], None] = left_out
) -> list[Path]:
    """Return the pictures beside the records under folders, in order; each that is unfit is named, and left out."""
    resolutions = {record.set_name: record.resolution for record in records}
    seals: dict[tuple[str, str], set[str]] = {}  # by set and file name; several records may share a picture
    for record in records:
        for name, sha256 in record.pictures.items():
            seals.setdefault((record.set_name, name), set()).add(sha256)
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*.png")):
            kind = path.parent.name
            if path.parent.parent.name != "records" or kind not in resolutions:
                continue
            fault = picture_fault(path, resolutions[kind], seals.get((kind, path.name), set()))
            if fault is None:
                found.append(path)
            else:
                complain(f"{path}: {fault}; left out")
    return found


def picture_fault(path: Path, resolution: int, seals: set[str]) -> str | None:
    """Return what is wrong with a picture, None if it may be shown.

    seals: the hashes that records have of it; without any, it has to be a picture of the form of a sheet.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        return f"not readable ({error.strerror})"
    if seals:
        return None if hashlib.sha256(data).hexdigest() in seals else "not what was written (its sha256 differs)"
    try:
        with Image.open(BytesIO(data), formats=["PNG"]) as picture:
            picture.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return "not a readable PNG picture"
    least = resolution + 2 if path.stem.endswith(OF_PATHS) else COLUMNS * (resolution + 1) + 1
    if picture.mode not in ("L", "RGB") or picture.width < least or picture.height < resolution + 2:
        return f"not a sheet of {resolution}x{resolution} images"
    return None


def read_sheet(path: Path, resolution: int, rows: int, columns: int, first: int = 0) -> np.ndarray:
    """Return images of a written sheet, from `first` on, as one picture of rows x columns, uint8, at their resolution.

    Places for which there are no images are grey.
    """
    sheet = np.asarray(Image.open(path))
    factor = sheet.shape[1] // (COLUMNS * (resolution + 1) + 1)
    sheet = sheet[::factor, ::factor]
    there = (sheet.shape[0] - 1) // (resolution + 1) * COLUMNS
    shape = (rows * (resolution + 1) - 1, columns * (resolution + 1) - 1, *sheet.shape[2:])
    picture = np.full(shape, GAP, np.uint8)
    for k in range(min(rows * columns, there - first)):
        top, left = ((first + k) // COLUMNS) * (resolution + 1) + 1, ((first + k) % COLUMNS) * (resolution + 1) + 1
        row, column = (k // columns) * (resolution + 1), (k % columns) * (resolution + 1)
        picture[row : row + resolution, column : column + resolution] = sheet[
            top : top + resolution, left : left + resolution
        ]
    return picture


def read_rows(path: Path, resolution: int, rows: int) -> np.ndarray:
    """Return the first rows of a written sheet as one picture, uint8, at the images' own resolution."""
    sheet = reduced(np.asarray(Image.open(path)))
    return sheet[1 : rows * (resolution + 1), 1:-1]


def reduced(pixels: np.ndarray) -> np.ndarray:
    """Return a picture (H,W) or (H,W,3) without the enlargement that it was written with."""
    factor = next((n for n in range(min(pixels.shape[:2]), 1, -1) if _enlarged(pixels, n)), 1)
    return pixels[::factor, ::factor]


def _enlarged(pixels: np.ndarray, factor: int) -> bool:
    """Whether a picture is one of a `factor`-th of its size, every pixel repeated."""
    if pixels.shape[0] % factor or pixels.shape[1] % factor:
        return False
    small = pixels[::factor, ::factor]
    return bool((small.repeat(factor, axis=0).repeat(factor, axis=1) == pixels).all())
