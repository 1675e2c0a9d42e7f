"""The feature spaces' names, and what an extractor whose network is a file declares of itself. No torch.

Extractors of other packages are under the entry point group `sfddm_bench.extractors`. Their distance is an FD, never an
FID.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

INCEPTION, PIXELS, RANDOM = "inception", "pixels", "random-cnn"
OWN_CLASSIFIER = "-cnn"  # how the name of a dataset's own feature space ends
LEAST_IMAGES = 5  # to train a classifier on, of which a fifth, one, is held out
BUILT_SPACES = (RANDOM, PIXELS)  # without a file and without training

Extract = Callable[["Tensor"], tuple["Tensor", "Tensor | None"]]


@dataclass(frozen=True)
class Extractor:
    """A feature extractor whose network is a file, as it is declared here or by another package.

    name: what `--features` takes, and what tables call the space. weights: the name of its weight file; sha256: of that
    file; url: where it is, if it can be downloaded. resize: the rule by which it resizes images, for the protocol.
    load: (weight file, device) -> a function from uint8 (N,C,H,W) to float32 features (N,d) and probabilities (N,k) or
    None, on any device. width: d, for the estimate of the work alone; None: it is taken as Inception's.
    """

    name: str
    weights: str
    sha256: str
    resize: str
    load: Callable[[Path, str], Extract]
    url: str | None = None
    width: int | None = None


def as_extractor(given: Any, name: str) -> Extractor:
    """Return what an entry point gives as an extractor. Raises TypeError if it is none, or of another name."""
    if not isinstance(given, Extractor) or given.name != name:
        raise TypeError(f"entry point '{name}' gives {given!r}, an Extractor named '{name}' is needed")
    return given
