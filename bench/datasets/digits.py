"""digits: the 1,797 real 8x8 handwritten digits that ship inside scikit-learn (UCI, Alpaydin and Kaynak 1998)."""

from pathlib import Path

import numpy as np

from bench.datasets.dataset import Images, pixels_sha256
from sfddm.errors import InputError

LEVELS = 16


def load_digits(resolution: int, data_root: Path | None) -> Images:
    """Return the digits, uint8 (1797,1,8,8) with labels 0..9. Their 17 grey levels span 0..255."""
    from sklearn import datasets

    if resolution != 8:
        raise InputError(f"resolution: {resolution} given, digits are 8x8")
    bunch = datasets.load_digits()
    pixels = np.rint(bunch.images * (255 / LEVELS)).astype(np.uint8)[:, None]
    return Images(
        "digits", pixels, bunch.target.astype(np.int64), "none", pixels_sha256(pixels), "scikit-learn", lossy=False
    )
