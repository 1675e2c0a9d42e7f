"""Contact sheets: many images as one picture, written beside records and read back. No torch."""

import sys
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from bench.store.text import printable
from sfddm.files import writing

SHOWN = 64
COLUMNS = 8
PATHS_SHOWN = 3
GAP = 170  # grey between images in a figure: seen beside white images and black ones
LEAST_PIXELS = 512  # a sheet is enlarged, by whole factors, to at least this width


def write_sheet(pixels: np.ndarray, path: Path, columns: int = COLUMNS) -> None:
    """Write the first 64 of uint8 images (N,C,H,W) as one PNG, eight or so a row, one pixel of white between."""
    picture = Image.fromarray(sheet_of(pixels, columns))
    with writing(path) as file:
        picture.save(file, format="PNG")


def sheet_of(pixels: np.ndarray, columns: int = COLUMNS) -> np.ndarray:
    """Return what `write_sheet` writes: uint8 (H,W), or (H,W,C) in colour."""
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


def read_sheet(path: Path, resolution: int, rows: int, columns: int) -> np.ndarray:
    """Return images 0, 1, .. of a written sheet as one picture of rows x columns, uint8, at their own resolution."""
    sheet = np.asarray(Image.open(path))
    factor = sheet.shape[1] // (COLUMNS * (resolution + 1) + 1)
    sheet = sheet[::factor, ::factor]
    there = (sheet.shape[0] - 1) // (resolution + 1) * COLUMNS
    shape = (rows * (resolution + 1) - 1, columns * (resolution + 1) - 1, *sheet.shape[2:])
    picture = np.full(shape, GAP, np.uint8)
    for k in range(min(rows * columns, there)):
        top, left = (k // COLUMNS) * (resolution + 1) + 1, (k % COLUMNS) * (resolution + 1) + 1
        row, column = (k // columns) * (resolution + 1), (k % columns) * (resolution + 1)
        picture[row : row + resolution, column : column + resolution] = sheet[
            top : top + resolution, left : left + resolution
        ]
    return picture


def read_rows(path: Path, resolution: int, rows: int) -> np.ndarray:
    """Return the first rows of a written sheet as one picture, uint8, at the images' own resolution."""
    sheet = reduced(np.asarray(Image.open(path)))
    return sheet[1 : rows * (resolution + 1), 1:-1]


@cache
def is_whole(path: Path, resolution: int, rows: bool = False) -> bool:
    """Tell whether a picture is a sheet, or rows, of images of a resolution; name it on stderr if it is not."""
    try:
        found = read_rows(path, resolution, 1) if rows else read_sheet(path, resolution, 1, 1)
        if found.size and (rows or found.shape[:2] == (resolution, resolution)):
            return True
        why = "its size is another"
    except (OSError, ValueError, IndexError, SyntaxError, ZeroDivisionError, Image.DecompressionBombError) as error:
        why = str(error)
    print(
        f"left out: {printable(str(path))}: not a picture of {resolution}x{resolution} images ({why})", file=sys.stderr
    )
    return False


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
