"""A dataset as the suite uses it: all its images at one resolution, as uint8; and where prepared ones are."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from platformdirs import user_data_path


@dataclass(frozen=True)
class Images:
    """pixels: uint8 (N,C,H,W), maybe memory-mapped; labels: int64 (N,) or None; sha256: of the pixels.

    labels_sha256: of the labels, if the dataset vouches for it; None for those whose labels it does not.
    held_out: images of the same kind that nothing is trained on: the test split, or a part that is kept apart.
    """

    name: str
    pixels: np.ndarray
    labels: np.ndarray | None
    preprocessing: str
    sha256: str
    source: str
    lossy: bool
    labels_sha256: str | None = None
    held_out: "Images | None" = None


def pixels_sha256(pixels: np.ndarray) -> str:
    """Return the sha256 of uint8 pixels in C order, in hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def labels_sha256(labels: np.ndarray) -> str:
    """Return the sha256 of labels (N,) as little-endian int64, in hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(labels, "<i8").tobytes()).hexdigest()


def data_root(option: Path | None) -> Path:
    """Return the data folder: `--data-root`, else $SFDDM_DATA, else the user's data folder."""
    if option is not None:
        return option
    if os.environ.get("SFDDM_DATA"):
        return Path(os.environ["SFDDM_DATA"])
    return user_data_path("sfddm-bench", appauthor=False)
