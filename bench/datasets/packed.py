"""Prepared datasets on disk: one packed uint8 array per resolution, with a manifest.

`<root>/<name>/<resolution>/` holds images.npy (N,C,H,W), labels.npy if there are labels, and manifest.json,
which is written last: without it there is no dataset.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.datasets.catalogue import CATALOGUE
from bench.datasets.dataset import Images
from bench.store.files import write_json
from sfddm.errors import InputError

IMAGES, LABELS, MANIFEST, VERIFIED = "images.npy", "labels.npy", "manifest.json", "verified.json"
READ_BYTES = 1 << 24


class Manifest(BaseModel):
    """What a packed array is: `dataset` names its definition, `name` what it is called (a lossy copy, say)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = 1
    name: str
    dataset: str
    resolution: int
    count: int
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


def folder_of(root: Path, name: str, resolution: int) -> Path:
    """Return where a prepared dataset is."""
    return root / name / str(resolution)


def read_manifest(folder: Path) -> Manifest:
    """Return a manifest. Raises InputError naming the file."""
    path = folder / MANIFEST
    try:
        return Manifest.model_validate(json.loads(path.read_text()))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: not a readable manifest ({error}); prepare the dataset again") from None
    except ValidationError as error:
        fault = error.errors()[0]
        raise InputError(
            f"{path}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}; prepare the dataset again"
        ) from None


def load_packed(root: Path, name: str, resolution: int) -> Images:
    """Return a prepared dataset, memory-mapped. Raises InputError if it is missing or not what its manifest says."""
    folder = folder_of(root, name, resolution)
    if not (folder / MANIFEST).exists():
        raise InputError(missing(root, name, resolution))
    manifest = read_manifest(folder)
    path = folder / IMAGES
    try:
        pixels = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable array ({error}); prepare the dataset again") from None
    shape = (manifest.count, pixels.shape[1] if pixels.ndim == 4 else 3, resolution, resolution)
    if pixels.dtype != np.uint8 or pixels.shape != shape:
        raise InputError(
            f"{path}: a {pixels.dtype} array {pixels.shape}, its manifest says uint8 {shape}; prepare it again"
        )
    verify(folder, manifest)
    labels = np.load(folder / LABELS, allow_pickle=False) if (folder / LABELS).exists() else None
    source = f"{manifest.source_kind} {manifest.source_name}"
    return Images(manifest.name, pixels, labels, manifest.preprocessing, manifest.sha256, source, manifest.lossy)


def verify(folder: Path, manifest: Manifest) -> None:
    """Raise InputError if the pixels' hash is not the manifest's; a file is read once for each state it is in."""
    path, marker = folder / IMAGES, folder / VERIFIED
    state: dict[str, Any] = {
        "mtime_ns": path.stat().st_mtime_ns,
        "size": path.stat().st_size,
        "sha256": manifest.sha256,
    }
    if marker.exists() and marker.read_text() == json.dumps(state, indent=1) + "\n":
        return
    found = pixels_digest(path)
    if found != manifest.sha256:
        raise InputError(
            f"{path}: its content has sha256 {found[:12]}, {folder / MANIFEST} says {manifest.sha256[:12]}; "
            "prepare it again"
        )
    write_json(marker, state)


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
    there = f" (there is {', '.join(others)})" if others else ""
    page = f" (from {definition.page})" if definition and definition.page else ""
    return (
        f"--dataset: '{name}' at {resolution}x{resolution} is not in '{root}'{there}; prepare it with: "
        f"sfddm-bench datasets prepare {name} {example} --resolution {resolution}{page}, "
        "or name its folder with --data-root"
    )


def prepared(root: Path) -> list[Manifest]:
    """Return the manifests under a data folder, sorted by name and resolution."""
    folders = sorted({path.parent for path in root.glob(f"*/*/{MANIFEST}")})
    return sorted(
        (read_manifest(folder) for folder in folders), key=lambda manifest: (manifest.name, manifest.resolution)
    )
