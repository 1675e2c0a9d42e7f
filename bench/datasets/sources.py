"""The forms in which people have images. Each source reads image i alone.

A source is picklable and opens its files lazily, so that many processes can read it.
"""

import struct
from abc import ABC, abstractmethod
from collections import Counter
from copy import copy
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from bench.datasets.listing import ENDINGS, Listing
from bench.store.files import digest
from sfddm.errors import InputError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF", "PPM", "GIF", "JPEG2000", "AVIF", "TGA")
MOST_BYTES = 2**29  # of one image file: more than any camera writes, less than a machine's memory
BEYOND = "beyond the share or --limit"


class Source(ABC):
    """Images by number, in a fixed order. kind: what it is; labels: class numbers or None; lossy: by its format.

    left_out: how many of the source's files are not taken, by reason. test: the images to hold out, if it says of any.
    """

    kind: str
    names: list[str]
    labels: np.ndarray | None = None
    classes: list[str] | None = None
    lossy: bool = False
    left_out: Counter[str]
    test: "Source | None" = None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def total(self) -> int:
        """How many images there are, taken or not."""
        return len(self)

    @abstractmethod
    def image(self, number: int) -> Image.Image:
        """Return an image, decoded or not yet. Raises some Exception if it is broken: decoders raise of every kind."""

    @abstractmethod
    def states(self) -> list[Any]:
        """Return what tells each image from a changed one, as it is now: name, size, time or checksum."""

    def identity(self) -> str:
        """Return the hash of what is prepared from: the kind, and the state of every image. Raises OSError."""
        return digest({"kind": self.kind, "names": self.names, "states": self.states()})

    def take(self, count: int) -> None:
        """Keep the first `count` images only."""
        if count < len(self):
            self.left_out[BEYOND] += len(self) - count
        self.names = self.names[:count]
        self.labels = None if self.labels is None else self.labels[:count]

    def _take_listing(self, listing: Listing, path: Path) -> None:
        """Name the images, and label them by the folders they are in. Raises InputError if there are none."""
        self.names, self.left_out, self.lossy = listing.names, listing.left_out, listing.lossy
        if not self.names:
            left = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())
            hint = f"; unpack '{listing.archive}', or give it itself" if listing.archive else ""
            raise InputError(f"--from: '{path}' holds no images ({', '.join(ENDINGS)}); left out: {left or 0}{hint}")
        if listing.test:
            self.test = copy(self)
            self.test._take_listing(listing.test, path)
        classes = sorted(set(listing.classes))
        if len(classes) > 1:
            self.classes = classes
            number = {name: place for place, name in enumerate(classes)}
            self.labels = np.array([number[name] for name in listing.classes], np.int64)


def opened(file: Path | IO[bytes]) -> Image.Image:
    """Return an image file's image, not yet decoded; only by decoders of images, none of which starts a program."""
    try:
        return Image.open(file, formats=_formats())
    except UnidentifiedImageError:  # whose words hold an address in memory
        raise ValueError("no image in a known format") from None


def check_size(size: int) -> None:
    """Raise ValueError for a file too large to be an image."""
    if size > MOST_BYTES:
        raise ValueError(f"{size} bytes, at most {MOST_BYTES} are read")


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, else its kind: what may stand in a line for the user."""
    said = str(error).strip() if not isinstance(error, KeyError | struct.error) else ""
    return said.splitlines()[0][:200] if said else type(error).__name__


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(form for form in FORMATS if form in Image.OPEN)
