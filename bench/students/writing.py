"""Images of a model on the disk: a folder of PNG files, one picture of many, or an array. Whole or not at all."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from bench.records.pictures import sheet_of, write_sheet
from bench.store.files import write_bytes
from sfddm.errors import InputError
from sfddm.files import writing

FORMS = "a folder, or a file that ends in .png or .npz"
LABEL_HEIGHT, MARGIN = 22, 6  # pixels, of a row's label in a comparison


def check_target(path: Path, endings: tuple[str, ...] = (".png", ".npz", "")) -> None:
    """Raise InputError if images cannot go there: another ending, a folder where a file is to be, or the reverse."""
    if path.suffix not in endings:
        raise InputError(f"--to: '{path}' given, possible: {FORMS if '' in endings else ' or '.join(endings)}")
    if path.suffix and path.is_dir():
        raise InputError(f"--to: '{path}' given, which is a folder; name a file in it, such as {path / 'images.png'}")
    if not path.suffix:
        check_new_folder(path)


def check_new_folder(path: Path) -> None:
    """Raise InputError if a path is there and is no empty folder."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"--to: '{path}' given, which is there already; name a new folder, or an empty one")


def write_images(units: Iterable[np.ndarray], path: Path, seed: int) -> None:
    """Write uint8 images (N,C,H,W), given some at a time, in the form that a path's ending names.

    A folder: 00000.png and so on, image k of the seed. .png: the first 64 in one picture. .npz: `images`, uint8
    (N,H,W,C), and the seed.
    """
    if not path.suffix:
        path.mkdir(parents=True, exist_ok=True)
        for k, image in enumerate(image for unit in units for image in unit):
            write_bytes(path / f"{k:05}.png", png(as_picture(image)))
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.concatenate(list(units))
    if path.suffix == ".png":
        write_sheet(pixels, path)
        return
    with writing(path) as file:
        np.savez_compressed(file, images=pixels.transpose(0, 2, 3, 1), seed=np.uint64(seed))


def write_comparison(rows: Sequence[tuple[str, np.ndarray]], path: Path) -> None:
    """Write one picture of several models' images (N,C,H,W) of the same latents: a labelled row for each."""
    sheets = [(label, rgb(pixels)) for label, pixels in rows]
    width = max(sheet.width for _, sheet in sheets) + 2 * MARGIN
    height = sum(sheet.height + LABEL_HEIGHT for _, sheet in sheets) + MARGIN
    picture = Image.new("RGB", (width, height), "white")
    draw, top = ImageDraw.Draw(picture), 0
    for label, sheet in sheets:
        draw.text((MARGIN, top + 4), label, fill="black")
        picture.paste(sheet, (MARGIN, top + LABEL_HEIGHT))
        top += LABEL_HEIGHT + sheet.height
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, png(picture))


def rgb(pixels: np.ndarray) -> Image.Image:
    """Return images (N,C,H,W) in one row, enlarged by a whole factor so that small ones can be seen."""
    return Image.fromarray(sheet_of(pixels, columns=len(pixels))).convert("RGB")


def as_picture(image: np.ndarray) -> Image.Image:
    """Return a uint8 image (C,H,W), grey or RGB."""
    return Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))


def png(picture: Image.Image) -> bytes:
    """Return a picture as a PNG file."""
    buffer = BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
