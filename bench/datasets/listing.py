"""Which of a source's files are its images: one rule for folders and zips. What is left out is counted, by reason."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

LOSSY_ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".jp2", ".j2k", ".jpx", ".jpf", ".j2c")
ENDINGS = (
    *LOSSY_ENDINGS,
    *(".png", ".apng", ".bmp", ".dib", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".gif", ".tga"),
)
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
SYSTEM = ("__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "system volume information")
TRAIN = re.compile(r"(train|training)([-_. ]?\d+)?", re.IGNORECASE)
HELD_OUT = re.compile(r"(test|testing|val|valid|validation|dev|eval)([-_. ]?\d+)?", re.IGNORECASE)
TEST = re.compile(r"(test|testing)([-_. ]?\d+)?", re.IGNORECASE)
HIDDEN, SPLIT, OTHER = "hidden or the system's", "of other splits than train and test", "of other endings"
MOST_ENDINGS = 12  # told apart in the counts


@dataclass(frozen=True)
class Listing:
    """names: of the images, sorted; classes: of each, the folder it is in; left_out: how many files, by reason.

    test: the images to hold out, none if there is no such split. archive: the first archive among the files, which may
    hold what is looked for.
    """

    names: list[str]
    classes: list[str]
    left_out: Counter[str]
    archive: str | None
    test: "Listing | None" = None

    @property
    def lossy(self) -> bool:
        """Whether there is an image in a format that loses something."""
        return any(name.lower().endswith(LOSSY_ENDINGS) for name in self.names)


def choose(found: Iterable[str]) -> Listing:
    """Return which files are images to train on, and which to hold out, of relative names with forward slashes.

    Beside a `train`, the images to hold out are those in a `test`; if there is none, those in a `val`, `dev` or `eval`.
    """
    left_out: Counter[str] = Counter()
    images: list[str] = []
    archive: str | None = None
    endings: Counter[str] = Counter()
    for name in sorted(found):
        if is_hidden(name):
            left_out[HIDDEN] += 1
        elif not name.lower().endswith(ENDINGS):
            endings[PurePosixPath(name).suffix.lower() or "no ending"] += 1
            archive = archive or (name if name.lower().endswith(ARCHIVES) else None)
        else:
            images.append(name)
    for place, (ending, count) in enumerate(endings.most_common()):
        left_out[f"not images ({ending})" if place < MOST_ENDINGS else OTHER] += count
    split = folders_with_splits(images)
    names = [name for name in images if not is_held_out(name, split)]
    apart = [[name for name in images if is_in(name, split, kind)] for kind in (TEST, HELD_OUT)]
    held_out = apart[0] or apart[1]
    left_out[SPLIT] = len(images) - len(names) - len(held_out)
    test = Listing(held_out, [class_of(name, split) for name in held_out], Counter(), None) if held_out else None
    return Listing(names, [class_of(name, split) for name in names], +left_out, archive, test)


def is_hidden(name: str) -> bool:
    """Whether a file, or a folder it is in, is hidden or made by the system: `.ipynb_checkpoints`, `__MACOSX`."""
    return any(part.startswith(".") or part.lower() in SYSTEM for part in PurePosixPath(name).parts)


def folders_with_splits(names: list[str]) -> set[PurePosixPath]:
    """Return the folders that have images in a `train` beside images in a `test`, `val` or the like."""
    folders = {
        folder for parent in {PurePosixPath(name).parent for name in names} for folder in (parent, *parent.parents)
    }
    trained = {folder.parent for folder in folders if TRAIN.fullmatch(folder.name)}
    return {folder.parent for folder in folders if HELD_OUT.fullmatch(folder.name) and folder.parent in trained}


def is_held_out(name: str, split: set[PurePosixPath]) -> bool:
    """Whether an image lies beside the `train` of a folder with splits, and not in it."""
    path = PurePosixPath(name)
    places = (path, *path.parents)[:-1]  # the last is the source itself
    return any(place.parent in split and not TRAIN.fullmatch(place.name) for place in places)


def is_in(name: str, split: set[PurePosixPath], kind: re.Pattern[str]) -> bool:
    """Whether an image lies in a folder of this kind beside the `train` of a folder with splits."""
    path = PurePosixPath(name)
    return any(place.parent in split and kind.fullmatch(place.name) for place in list(path.parents)[:-1])


def class_of(name: str, split: set[PurePosixPath]) -> str:
    """Return the name of the folder that an image is in; a split itself is none, but the folder it divides."""
    folder = PurePosixPath(name).parent
    divides = folder.parent in split and any(kind.fullmatch(folder.name) for kind in (TRAIN, HELD_OUT))
    return folder.parent.name if divides else folder.name
