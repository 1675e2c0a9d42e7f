"""digits: the 1,797 real 8x8 handwritten digits that ship inside scikit-learn (UCI, Alpaydin and Kaynak 1998)."""

import importlib.util
from pathlib import Path

import numpy as np

from bench.datasets.dataset import Images, labels_sha256, pixels_sha256
from sfddm.errors import InputError

LEVELS = 16
LABELS_SHA256 = "a3c91c262eddcf7ba8f0e37507c30284493c9b20412ffe4af30d536401f7ba21"


def load_digits(resolution: int, data_root: Path | None) -> Images:
    """Return the digits, uint8 (1797,1,8,8) with labels 0..9. Their 17 grey levels span 0..255."""
    if resolution != 8:
        raise InputError(f"resolution: {resolution} given, digits are 8x8")
    table = np.loadtxt(digits_file(), delimiter=",")  # 64 pixels and the label a line
    pixels = np.rint(table[:, :64] * (255 / LEVELS)).astype(np.uint8).reshape(-1, 1, 8, 8)
    labels = table[:, 64].astype(np.int64)
    if labels_sha256(labels) != LABELS_SHA256:
        raise InputError(f"{digits_file()}: its labels are not those of scikit-learn's digits; install it again")
    return Images("digits", pixels, labels, "none", pixels_sha256(pixels), "scikit-learn", lossy=False)


def digits_file() -> Path:
    """Return where scikit-learn keeps the digits; to import it for them takes a second of every run."""
    found = importlib.util.find_spec("sklearn")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz"
