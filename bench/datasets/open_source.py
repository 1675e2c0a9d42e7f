"""What is at a path that someone gave: the source of images, or a line that says what to give."""

import os
from pathlib import Path

from bench.datasets.cifar_source import BATCHES, CifarSource
from bench.datasets.folder_source import FolderSource
from bench.datasets.lmdb_source import DATA, LmdbSource
from bench.datasets.sources import Source
from bench.datasets.zip_source import ZipSource
from sfddm.errors import InputError

LMDB_FILES = (DATA, "lock.mdb")


def open_source(path: Path, limit: int | None = None) -> Source:
    """Return the source at a path, by what is there. Raises InputError naming what is possible."""
    try:
        there = path.exists()
        return _folder(path, limit) if path.is_dir() else _file(path, limit) if there else _absent(path)
    except OSError as error:
        raise InputError(f"--from: '{path}' cannot be read ({error.strerror or error})") from None


def _absent(path: Path) -> Source:
    raise InputError(f"--from: '{path}' given, but there is nothing there")


def _folder(path: Path, limit: int | None) -> Source:
    if (path / DATA).is_file():
        return LmdbSource(path, limit)
    for folder in (path, path / "cifar-10-batches-py"):
        if all((folder / name).is_file() for name in BATCHES):
            return CifarSource(folder)
    with os.scandir(path) as entries:
        maybe = sorted(one.name for one in entries if one.is_symlink() or one.is_dir())
    within = [path / name for name in maybe if os.path.isfile(path / name / DATA)]  # False for a link to itself
    if within:
        listed = ", ".join(f"'{folder}'" for folder in within)
        raise InputError(f"--from: '{path}' given, which is not an LMDB but holds some; possible: {listed}")
    return FolderSource(path)


def _file(path: Path, limit: int | None) -> Source:
    if path.name in LMDB_FILES and (path.parent / DATA).is_file():
        return LmdbSource(path.parent, limit)
    if path.suffix.lower() == ".zip":
        return ZipSource(path)
    if path.name.lower().endswith((".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz")):
        return CifarSource(path)
    raise InputError(
        f"--from: '{path}' given, possible: a folder or zip of images, LSUN's LMDB, CIFAR-10's batches or tarball"
    )
