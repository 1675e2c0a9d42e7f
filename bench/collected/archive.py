"""An archive: the records of run folders with their pictures and lists of packages, in one zip file. No torch.

`archive.json`, its first entry, lists every other one with its sha256 and size; the same records give the same bytes.
Reading checks all of it before anything is believed, and unpacks into a folder that is removed when the process ends.
"""

import atexit
import hashlib
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from bench.collected.gathering import Gathered
from bench.store.files import check_writable, parse_json, readable_size
from sfddm.errors import InputError
from sfddm.files import writing

CONTENTS = "archive.json"
FORM = 1
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the time of every entry
LARGEST = 4 * 2**30  # bytes, unpacked
ENTRY = re.compile(r"(records/[^/]+|packages)/[^/]+\.(json|png|txt)")
_unpacked: dict[Path, Path] = {}


def write_archive(gathered: Gathered, path: Path, pictures: bool = True) -> int:
    """Write an archive and return its bytes. pictures: with those beside the records."""
    names = sorted(name for name in gathered.files if pictures or not name.endswith(".png"))
    contents: dict[str, Any] = {"archive": FORM, "files": {}}
    for name in names:
        data = gathered.files[name].read_bytes()
        contents["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    with writing(path) as file, zipfile.ZipFile(file, "w") as packed:
        _add(packed, CONTENTS, json.dumps(contents, indent=1).encode())
        for name in names:
            _add(packed, name, gathered.files[name].read_bytes())
    return path.stat().st_size


def _add(packed: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, LONG_AGO)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    packed.writestr(entry, data)


def is_archive(path: Path) -> bool:
    """Tell whether a path is that of a file that may be an archive."""
    return path.is_file() and zipfile.is_zipfile(path)


def is_unpacked(folder: Path) -> bool:
    """Tell whether a folder is what an archive was unpacked into: nothing that is written there stays."""
    return folder in _unpacked.values()


def place_to_write(folders: Sequence[Path], out: Path | None, option: str = "--out") -> Path:
    """Return where what is made of folders goes: `out`, or the first folder. Raises InputError for an archive."""
    if out is None and is_unpacked(folders[0]):
        raise InputError(
            f"{option}: not given, but {folders[0].name}.zip is an archive, and nothing is written into it"
        )
    return check_writable(out or folders[0], option if out else "PATH")


def check_stays(folder: Path) -> None:
    """Raise InputError if a folder that is written into is what an archive was unpacked into."""
    if is_unpacked(folder):
        raise InputError(
            f"PATH: {folder.name}.zip is an archive, and nothing is written into it; make a folder of it with: "
            f"sfddm-bench merge {folder.name}.zip --out {folder.name}"
        )


def unpacked(path: Path) -> Path:
    """Return a folder with what is in an archive, until the process ends. Raises InputError naming the archive."""
    if path not in _unpacked:
        place = Path(tempfile.mkdtemp(prefix="sfddm-bench-"))
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        folder = place / path.stem
        _unpack(path, folder)
        _unpacked[path] = folder
    return _unpacked[path]


def _unpack(path: Path, folder: Path) -> None:
    with _reading(path):
        packed = zipfile.ZipFile(path)
    with packed:
        with _reading(path):
            listed = _listed(path, packed)
        for name, about in listed.items():
            with _reading(path):
                data = packed.read(name)
            if len(data) != about["bytes"] or hashlib.sha256(data).hexdigest() != about["sha256"]:
                raise InputError(f"{path}: {name} is not what was archived (its sha256 differs)")
            with writing(folder / name) as file:
                file.write(data)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Raise InputError naming the archive for whatever else is raised while it is read."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # a damaged file makes zipfile, and what it unpacks by, raise errors of a dozen kinds
        raise InputError(f"{path}: not a whole archive of sfddm-bench ({error}); take it from a copy") from None


def _listed(path: Path, packed: zipfile.ZipFile) -> dict[str, dict[str, Any]]:
    """Return what an archive says that it holds, once every name and size in it is one that ours have."""
    sizes = {entry.filename: entry.file_size for entry in packed.infolist()}
    if CONTENTS not in sizes:
        raise InputError(f"{path}: a zip file, but no archive of sfddm-bench (it has no {CONTENTS})")
    if sum(sizes.values()) > LARGEST:
        raise InputError(f"{path}: unpacked it has more than {readable_size(LARGEST)}")
    contents = parse_json(packed.read(CONTENTS).decode("utf-8", "replace"), path, "archive")
    listed = contents.get("files") if isinstance(contents, dict) and contents.get("archive") == FORM else None
    whole = isinstance(listed, dict) and all(
        ENTRY.fullmatch(name) and ".." not in PurePosixPath(name).parts and isinstance(about, dict)
        and isinstance(about.get("bytes"), int) and about["bytes"] == sizes.get(name) and "sha256" in about
        for name, about in listed.items()
    )  # fmt: skip
    if not whole or len(sizes) != len(packed.infolist()) or set(sizes) != {CONTENTS, *(listed or {})}:
        raise InputError(f"{path}: not a whole archive of this version of sfddm-bench; take it from a copy")
    return dict(listed or {})
