"""The forms in which people have images: folders, zips, LSUN's LMDB, CIFAR-10's batches. Each reads image i alone.

A source is picklable and opens its files lazily, so that many processes can read it.
"""

import io
import pickle
import tarfile
import zipfile
from abc import ABC, abstractmethod
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from sfddm.errors import InputError

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
LOSSY_ENDINGS = (".jpg", ".jpeg", ".webp")
CIFAR10_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))


class Source(ABC):
    """Images by number, in a fixed order. kind: what it is; labels: class numbers or None; lossy: by its format."""

    kind: str
    names: list[str]
    labels: np.ndarray | None = None
    classes: list[str] | None = None
    lossy: bool = False

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def image(self, number: int) -> Image.Image:
        """Return an image, decoded or not yet. Raises OSError, SyntaxError or ValueError if it is broken."""

    def take(self, count: int) -> None:
        """Keep the first `count` images only."""
        self.names = self.names[:count]
        self.labels = None if self.labels is None else self.labels[:count]

    def _label_by_folder(self) -> None:
        folders = [PurePosixPath(name).parent.name for name in self.names]
        classes = sorted(set(folders))
        if len(classes) > 1:
            self.classes = classes
            self.labels = np.array([classes.index(folder) for folder in folders], np.int64)


class FolderSource(Source):
    """A folder of images, at any depth, in the order of their names."""

    kind = "folder"

    def __init__(self, path: Path):
        self.path = path
        found = (p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
        self.names = wanted_names(found, path)
        self.lossy = any(name.lower().endswith(LOSSY_ENDINGS) for name in self.names)
        self._label_by_folder()

    def image(self, number: int) -> Image.Image:
        return Image.open(self.path / self.names[number])


class ZipSource(Source):
    """A zip of images."""

    kind = "zip"

    def __init__(self, path: Path):
        self.path = path
        self.file: zipfile.ZipFile | None = None
        try:
            with zipfile.ZipFile(path) as file:
                members = [member.filename for member in file.infolist() if not member.is_dir()]
        except (zipfile.BadZipFile, OSError) as error:
            raise InputError(f"--from: '{path}' is not a readable zip ({error})") from None
        for name in members:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise InputError(f"--from: '{path}' holds '{name}', which leads out of the zip; it is refused")
        self.names = wanted_names(members, path)
        self.lossy = any(name.lower().endswith(LOSSY_ENDINGS) for name in self.names)
        self._label_by_folder()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"file": None}

    def image(self, number: int) -> Image.Image:
        if self.file is None:
            self.file = zipfile.ZipFile(self.path)
        try:
            return Image.open(io.BytesIO(self.file.read(self.names[number])))
        except zipfile.BadZipFile as error:
            raise OSError(str(error)) from None


class LmdbSource(Source):
    """An LSUN LMDB folder: values are webp files, in key order."""

    kind = "lmdb"
    lossy = True

    def __init__(self, path: Path, limit: int | None = None):
        self.path = path
        self.transaction: Any = None
        with self._open() as environment, environment.begin() as transaction:
            self.total = environment.stat()["entries"]
            keys = transaction.cursor().iternext(values=False)
            count = self.total if limit is None else min(limit, self.total)
            self.keys = list(islice(keys, count))

    @property
    def names(self) -> list[str]:  # type: ignore[override]
        return [key.decode(errors="replace") for key in self.keys]

    def __len__(self) -> int:
        return len(self.keys)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"transaction": None}

    def take(self, count: int) -> None:
        self.keys = self.keys[:count]

    def image(self, number: int) -> Image.Image:
        if self.transaction is None:
            self.transaction = self._open().begin()
        return Image.open(io.BytesIO(self.transaction.get(self.keys[number])))

    def _open(self) -> Any:
        try:
            import lmdb
        except ImportError:
            raise InputError(
                '--from: reading LMDB needs lmdb; install it with: pip install "sfddm-bench[lsun]"'
            ) from None
        try:
            return lmdb.open(str(self.path), readonly=True, lock=False, readahead=False, meminit=False)
        except lmdb.Error as error:
            raise InputError(f"--from: '{self.path}' is not a readable LMDB ({error})") from None


class CifarSource(Source):
    """CIFAR-10's python batches, as the folder or as the tarball: 50,000 training images."""

    kind = "cifar10-python"

    def __init__(self, path: Path):
        batches = _read_tarball(path) if path.is_file() else [(path / name).read_bytes() for name in CIFAR10_BATCHES]
        read = [_unpickle(data, path) for data in batches]
        try:
            self.pixels = np.concatenate([batch[b"data"] for batch in read]).reshape(-1, 3, 32, 32)
            self.labels = np.concatenate([batch[b"labels"] for batch in read]).astype(np.int64)
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(f"--from: '{path}' holds no CIFAR-10 batches ({error!r})") from None
        self.names = [str(number) for number in range(len(self.pixels))]

    def image(self, number: int) -> Image.Image:
        return Image.fromarray(self.pixels[number].transpose(1, 2, 0))


def wanted_names(found: Any, path: Path) -> list[str]:
    """Return the image files among names, sorted; only `train/...` if there are other splits beside it."""
    names = sorted(name for name in found if name.lower().endswith(ENDINGS) and "__MACOSX" not in name)
    tops = {PurePosixPath(name).parts[0] for name in names}
    if "train" in tops and tops & {"test", "val", "valid", "validation"}:
        names = [name for name in names if PurePosixPath(name).parts[0] == "train"]
    if not names:
        raise InputError(f"--from: '{path}' holds no images ({', '.join(ENDINGS)})")
    return names


def open_source(path: Path, limit: int | None = None) -> Source:
    """Return the source at a path, by what is there. Raises InputError naming what is possible."""
    if not path.exists():
        raise InputError(f"--from: '{path}' given, but there is nothing there")
    if path.is_dir():
        if (path / "data.mdb").exists():
            return LmdbSource(path, limit)
        for folder in (path, path / "cifar-10-batches-py"):
            if all((folder / name).exists() for name in CIFAR10_BATCHES):
                return CifarSource(folder)
        return FolderSource(path)
    if path.suffix == ".zip":
        return ZipSource(path)
    if path.name.endswith((".tar.gz", ".tgz", ".tar")):
        return CifarSource(path)
    raise InputError(
        f"--from: '{path}' given, possible: a folder or zip of images, LSUN's LMDB, CIFAR-10's batches or tarball"
    )


def _read_tarball(path: Path) -> list[bytes]:
    try:
        with tarfile.open(path) as file:
            members = {PurePosixPath(member.name).name: member for member in file.getmembers() if member.isfile()}
            missing = [name for name in CIFAR10_BATCHES if name not in members]
            if missing:
                raise InputError(f"--from: '{path}' holds no '{missing[0]}'; CIFAR-10's python tarball is needed")
            return [file.extractfile(members[name]).read() for name in CIFAR10_BATCHES]  # type: ignore[union-attr]
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(f"--from: '{path}' is not a readable tarball ({str(error).splitlines()[0]})") from None


class _ArraysOnly(pickle.Unpickler):
    """Reads the pickles that CIFAR-10 is published as: dictionaries, strings, lists, NumPy arrays, and nothing else."""

    ALLOWED = frozenset({"_reconstruct", "ndarray", "dtype", "encode", "bytes", "_frombuffer"})
    MODULES = frozenset(
        {
            "numpy",
            "numpy.core.multiarray",
            "numpy._core.multiarray",
            "numpy.core.numeric",
            "numpy._core.numeric",
            "_codecs",
            "builtins",
            "__builtin__",
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        if module in self.MODULES and name in self.ALLOWED:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _unpickle(data: bytes, path: Path) -> Any:
    try:
        return _ArraysOnly(io.BytesIO(data), encoding="bytes").load()
    except (pickle.UnpicklingError, EOFError, ValueError, AttributeError, IndexError) as error:
        raise InputError(f"--from: a batch in '{path}' is not CIFAR-10's ({error})") from None
