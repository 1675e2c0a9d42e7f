"""Prepared datasets on disk: one packed uint8 array per resolution, with a manifest.

`<root>/<name>/<resolution>/` holds images.npy (N,C,H,W), labels.npy if there are labels, in test/ the same of a test
split, and manifest.json, which is written last: without it there is no dataset. One that cannot be written is read all
the same.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from platformdirs import user_cache_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.datasets.catalogue import CATALOGUE
from bench.datasets.dataset import Images, labels_sha256
from bench.store.files import write_text
from bench.store.names import check_name
from sfddm.errors import InputError, first_fault
from sfddm.words import on_one_line

IMAGES, LABELS, MANIFEST, VERIFIED = "images.npy", "labels.npy", "manifest.json", "verified.json"
READ_BYTES = 1 << 24
MOST_MANIFEST_BYTES = 1 << 28
MOST_RESOLUTION, MOST_IMAGES = 4096, 10**9
TEST = "test"  # the folder of the test split
SCHEMA = 3  # 1: of before labels had a hash; 2: of before a test split was kept
LABELS_HASHED = 2


class Split(BaseModel):
    """The packed images of a test split, as the manifest has those to train on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(ge=2, le=MOST_IMAGES)
    source_name: str
    corrupt: list[str]
    lossy: bool
    sha256: str
    labels_sha256: str | None


class Manifest(BaseModel):
    """What a packed array is: `dataset` names its definition, `name` what it is called (a lossy copy, say).

    left_out: files of the source that are not in it, by reason; noted: images taken of which something is to be known;
    both since schema 2, as `labels_sha256`, which is null there if there are no labels. test: since schema 3.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = Field(default=1, ge=1, le=SCHEMA)
    name: str
    dataset: str
    resolution: int = Field(ge=1, le=MOST_RESOLUTION)
    count: int = Field(ge=1, le=MOST_IMAGES)
    source_kind: str
    source_name: str
    source_count: int
    preprocessing: str
    preprocessing_rule: str
    versions: dict[str, str]
    lossy: bool
    classes: list[str] | None
    corrupt: list[str]
    sha256: str
    labels_sha256: str | None = None
    left_out: dict[str, int] = {}
    noted: dict[str, int] = {}
    test: Split | None = None

    @property
    def of_test(self) -> "Manifest | None":
        """What it would say of the test split alone; None if there is none."""
        if self.test is None:
            return None
        own = {name: getattr(self.test, name) for name in ("count", "sha256", "labels_sha256", "lossy", "corrupt")}
        return self.model_copy(update=own | {"test": None})


def folder_of(root: Path, name: str, resolution: int) -> Path:
    """Return where a prepared dataset is."""
    return root / name / str(resolution)


def read_manifest(folder: Path) -> Manifest:
    """Return a manifest. Raises InputError naming the file, and the field that is wrong."""
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            manifest = Manifest.model_validate_json(file.read(MOST_MANIFEST_BYTES))
    except OSError as error:
        raise InputError(f"{path}: not a readable manifest ({error.strerror}); prepare the dataset again") from None
    except ValidationError as error:
        place, fault = first_fault(error)
        raise InputError(f"{path}: {place or 'not a readable manifest'}: {fault}; prepare the dataset again") from None
    check_name(f"{path}: name", manifest.name)
    if manifest.dataset not in CATALOGUE:
        raise InputError.unknown(f"{path}: dataset", manifest.dataset, CATALOGUE)
    if (manifest.name, str(manifest.resolution)) != (folder.parent.name, folder.name):
        raise InputError(
            f"{path}: it is of '{manifest.name}' at {manifest.resolution}, and stands in the folder "
            f"'{folder.parent.name}/{folder.name}'; move it back, or prepare the dataset again"
        )
    return manifest


def load_packed(root: Path, name: str, resolution: int) -> Images:
    """Return a prepared dataset, memory-mapped. Raises InputError if it is missing or not what its manifest says."""
    folder = folder_of(root, name, resolution)
    if not (folder / MANIFEST).exists():
        raise InputError(missing(root, name, resolution))
    manifest = read_manifest(folder)
    images = _load(folder, manifest)
    test = None if manifest.of_test is None else _load(folder / TEST, manifest.of_test)
    return replace(images, held_out=test)


def _load(folder: Path, manifest: Manifest) -> Images:
    pixels, labels = read_pixels(folder, manifest), read_labels(folder, manifest)
    marker = Marker(folder, manifest)
    state = marker.state()  # taken first: what is written while it is read must not be vouched for
    if not marker.says(state):
        for fault in differences(folder, manifest):
            raise InputError(f"{fault}; prepare it again")
        marker.say(state)
    source = f"{manifest.source_kind} {manifest.source_name}"
    return Images(
        manifest.name,
        pixels,
        labels,
        manifest.preprocessing,
        manifest.sha256,
        source,
        manifest.lossy,
        manifest.labels_sha256,
    )


def read_pixels(folder: Path, manifest: Manifest) -> np.ndarray:
    """Return the pixels, memory-mapped uint8 (N,C,H,W). Raises InputError if they are not as the manifest says."""
    pixels, side = _mapped(folder / IMAGES, "c"), manifest.resolution
    channels = pixels.shape[1] if pixels.ndim == 4 and pixels.shape[1] in (1, 3) else 3
    _check_array(folder / IMAGES, pixels, np.uint8, (manifest.count, channels, side, side))
    return pixels


def read_labels(folder: Path, manifest: Manifest) -> np.ndarray | None:
    """Return the labels, int64 (N,), or None. Raises InputError if they are not as the manifest says."""
    path, expected = folder / LABELS, manifest.labels_sha256
    if not path.exists():
        if expected is not None:
            raise InputError(f"{path}: missing, its manifest says that there are labels; prepare it again")
        return None
    if manifest.schema_version >= LABELS_HASHED and expected is None:
        raise InputError(f"{path}: there, its manifest says that there are no labels; prepare it again")
    mapped = _mapped(path, "r")
    _check_array(path, mapped, np.int64, (manifest.count,))
    labels = np.array(mapped)
    if expected is not None and labels_sha256(labels) != expected:
        raise InputError(f"{_unlike(path, labels_sha256(labels), folder, expected)}; prepare it again")
    most = max(manifest.count, manifest.source_count)  # a test split may have fewer images than there are classes
    if labels.min() < 0 or labels.max() >= most:
        raise InputError(f"{path}: labels from {labels.min()} to {labels.max()} for {most} images")
    return labels


def check(folder: Path) -> list[str]:
    """Return a line for each way in which a prepared dataset is not what its manifest says; all of it is read again."""
    try:
        manifest = read_manifest(folder)
    except InputError as error:
        return [str(error)]
    faults = _check(folder, manifest)
    return faults if manifest.of_test is None else [*faults, *_check(folder / TEST, manifest.of_test)]


def _check(folder: Path, manifest: Manifest) -> list[str]:
    faults: list[str] = []
    for read in (read_pixels, read_labels):
        try:
            read(folder, manifest)
        except InputError as error:
            faults.append(str(error))
    return faults or list(differences(folder, manifest))


def differences(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Yield a line if the pixels' hash is not the manifest's."""
    path = folder / IMAGES
    try:
        found = pixels_digest(path)
    except OSError as error:
        yield f"{path}: not readable ({error.strerror})"
        return
    if found != manifest.sha256:
        yield _unlike(path, found, folder, manifest.sha256)


@dataclass(frozen=True)
class Marker:
    """Says that pixels had the manifest's hash when their file was in this state, so that it is read once for each.

    It is beside them; if that place cannot be written, in the user's cache; if neither can, they are read each time.
    """

    folder: Path
    manifest: Manifest

    @property
    def paths(self) -> tuple[Path, Path]:
        """The marker's file beside the pixels, and in the cache, by the place that they are in."""
        place = hashlib.sha256(str((self.folder / IMAGES).resolve()).encode(errors="surrogateescape")).hexdigest()
        cache = user_cache_path("sfddm-bench", appauthor=False) / "verified"
        return self.folder / VERIFIED, cache / f"{place[:32]}.json"

    def state(self) -> str:
        """Return what is to be said of the file as it is now."""
        found = (self.folder / IMAGES).stat()
        said = {
            "size": found.st_size,
            "mtime_ns": found.st_mtime_ns,
            "ctime_ns": found.st_ctime_ns,
            "inode": found.st_ino,
            "sha256": self.manifest.sha256,
        }
        return json.dumps(said, indent=1) + "\n"

    def says(self, state: str) -> bool:
        """Whether the file was read in this state, and was right."""
        for path in self.paths:
            with suppress(OSError, ValueError):
                if path.read_text() == state:
                    return True
        return False

    def say(self, state: str) -> None:
        """Note that the file was read in this state, and was right."""
        for path in self.paths:
            with suppress(OSError):
                write_text(path, state)
                return


def pixels_digest(path: Path) -> str:
    """Return the sha256 of the pixels in an .npy file, its header left aside; read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        while block := file.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def missing(root: Path, name: str, resolution: int) -> str:
    """Return the line that says what is missing, where it was looked for, and how to get it."""
    definition = CATALOGUE.get(name)
    example = definition.example if definition else "--from PATH"
    others = [f"{found.resolution}x{found.resolution}" for found in prepared(root) if found.name == name]
    there = f" (there is {', '.join(others)}: --resolution)" if others else ""
    page = f" (from {definition.page})" if definition and definition.page else ""
    return (
        f"--dataset: '{name}' at {resolution}x{resolution} is not in '{root}'{there}; prepare it with: "
        f"sfddm-bench datasets prepare {name} {example} --resolution {resolution}{page}, "
        "or name its folder with --data-root"
    )


def prepared(root: Path) -> list[Manifest]:
    """Return the manifests under a data folder, sorted by name and resolution; those that cannot be read left out."""
    return survey(root)[0]


def survey(root: Path) -> tuple[list[Manifest], dict[Path, str]]:
    """Return the manifests under a data folder, sorted, and by folder what is wrong with those that are bad."""
    found: list[Manifest] = []
    faults: dict[Path, str] = {}
    for path in sorted(root.glob(f"*/*/{MANIFEST}")):
        try:
            found.append(read_manifest(path.parent))
        except InputError as error:
            faults[path.parent] = str(error)
    return sorted(found, key=lambda manifest: (manifest.name, manifest.resolution)), faults


def _mapped(path: Path, mode: Any) -> np.ndarray:
    try:
        if not path.is_file():
            raise ValueError("no file")
        array = np.load(path, mmap_mode=mode, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("an archive of arrays")
        with path.open("rb") as file:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError("a header that is not version 1.0")
    except Exception as error:  # a damaged header raises errors of many kinds; EOFError, which Typer takes for Ctrl-C
        said = on_one_line(error, 200) or type(error).__name__
        raise InputError(f"{path}: not a readable array ({said}); prepare the dataset again") from None
    return array


def _check_array(path: Path, array: np.ndarray, dtype: Any, shape: tuple[int, ...]) -> None:
    right = array.dtype == dtype and array.shape == shape and array.flags.c_contiguous
    if not right:
        said = f"a {array.dtype} array {array.shape}, its manifest says {np.dtype(dtype)} {shape}"
        raise InputError(f"{path}: {said}; prepare it again")


def _unlike(path: Path, found: str, folder: Path, expected: str) -> str:
    manifest = (folder.parent if folder.name == TEST else folder) / MANIFEST
    return f"{path}: its content has sha256 {found[:12]}, {manifest} says {expected[:12]}"
