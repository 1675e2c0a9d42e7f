"""CIFAR-10's python batches, as the folder or as the tarball: pickles, of which only data is built.

Nothing that a file says becomes a NumPy dtype, a call or a size: a batch may hold bytes, numbers, lists, dictionaries
and arrays of bytes, no larger than the file itself.
"""

import hashlib
import io
import math
import pickle
import pickletools
import tarfile
from collections import Counter
from collections.abc import Callable
from copy import copy
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from bench.datasets.sources import Source, first_line
from sfddm.errors import InputError

BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"
CLASSES = 10
MOST_BATCH_BYTES = 2**26  # CIFAR-10's have 31 MB
MOST_MEMBER_BYTES, MOST_HEADER_BYTES, MOST_MEMBERS = 2**30, 2**20, 10_000
REFUSED_OPCODES = {"PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "NEXT_BUFFER"}


class CifarSource(Source):
    """The 50,000 training images with their labels, read at once; and the 10,000 test images, if they are there."""

    kind = "cifar10-python"

    def __init__(self, path: Path):
        batches = read_tarball(path) if path.is_file() else read_folder(path)
        self._take(path, {name: batches[name] for name in BATCHES})
        if TEST in batches:
            self.test = copy(self)
            self.test._take(path, {TEST: batches[TEST]})

    def _take(self, path: Path, batches: dict[str, bytes]) -> None:
        parts = [read_batch(data, f"--from: '{path}': {name}") for name, data in batches.items()]
        self.pixels = np.concatenate([pixels for pixels, _ in parts]).reshape(-1, 3, 32, 32)
        self.labels = np.concatenate([labels for _, labels in parts])
        self.names = [str(number) for number in range(len(self.pixels))]
        self.content = hashlib.sha256(b"".join(hashlib.sha256(data).digest() for data in batches.values())).hexdigest()
        self.left_out = Counter()

    def image(self, number: int) -> Image.Image:
        return Image.fromarray(self.pixels[number].transpose(1, 2, 0))

    def states(self) -> list[Any]:
        return [self.content]  # all of it is in memory


def read_folder(path: Path) -> dict[str, bytes]:
    """Return the batches in a folder by name; that of the test images may be missing. Raises InputError."""
    there = [*BATCHES, *[TEST] * (path / TEST).is_file()]
    return {name: read_file(path / name) for name in there}


def read_file(path: Path) -> bytes:
    """Return a batch file. Raises InputError."""
    try:
        if (size := path.stat().st_size) > MOST_BATCH_BYTES:
            raise InputError(f"--from: '{path}' has {size} bytes, a batch of CIFAR-10 at most {MOST_BATCH_BYTES}")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"--from: '{path}' cannot be read ({error.strerror})") from None


class _Header(tarfile.TarInfo):
    """A member's header; no size in it is believed that no archive of CIFAR-10 has."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Header":
        found = super().frombuf(buf, encoding, errors)
        most = MOST_MEMBER_BYTES if found.isreg() or found.isdir() else MOST_HEADER_BYTES
        if not 0 <= found.size <= most:
            raise tarfile.ReadError(f"'{found.name[:60]}' says that it has {found.size} bytes")
        return found


def read_tarball(path: Path) -> dict[str, bytes]:
    """Return the batches in a tarball by name; that of the test images may be missing. Raises InputError."""
    batches: dict[str, bytes] = {}
    total, wanted = 0, (*BATCHES, TEST)
    try:
        with tarfile.open(path, tarinfo=_Header) as file:
            for count, member in enumerate(file):
                name = PurePosixPath(member.name).name
                total += member.size
                if (
                    count > MOST_MEMBERS
                    or total > MOST_MEMBER_BYTES
                    or (name in wanted and member.size > MOST_BATCH_BYTES)
                ):
                    raise tarfile.ReadError(f"more than CIFAR-10's tarball holds, at '{member.name[:60]}'")
                if name in wanted and member.isfile():
                    content = file.extractfile(member)
                    assert content is not None
                    batches[name] = content.read()
    except Exception as error:  # a damaged tarball raises errors of many kinds, also of the decompressors
        raise InputError(f"--from: '{path}' is not a readable tarball ({first_line(error)})") from None
    missing = [name for name in BATCHES if name not in batches]
    if missing:
        raise InputError(f"--from: '{path}' holds no '{missing[0]}'; CIFAR-10's python tarball is needed")
    return batches


def read_batch(data: bytes, place: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a batch's pixels, uint8 (N,3072), and labels, int64 (N,). Raises InputError."""
    try:
        check_opcodes(data)
        batch = _DataOnly(io.BytesIO(data), encoding="bytes").load()
        pixels, labels = batch[b"data"], batch[b"labels"]
        array = pixels.array if type(pixels) is _Array else None
        if array is None or array.ndim != 2 or array.shape[1] != 3072 or type(labels) is not list:
            raise ValueError("no 'data' of 3072 bytes an image with 'labels'")
        if len(labels) != len(array) or not all(type(label) is int and 0 <= label < CLASSES for label in labels):
            raise ValueError(f"its labels are not a number from 0 to {CLASSES - 1} for each of {len(array)} images")
    except Exception as error:  # damaged pickles raise errors of every kind
        said = f"it has no {error}" if isinstance(error, KeyError) else first_line(error)
        raise InputError(f"{place} is not CIFAR-10's ({said})") from None
    return array, np.array(labels, np.int64)


def check_opcodes(data: bytes) -> None:
    """Raise ValueError for a pickle that asks for more than data: objects made, or places in memory without end."""
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in REFUSED_OPCODES:
            raise ValueError(f"it has the pickle instruction {opcode.name}")
        if opcode.name.endswith(("PUT", "GET")) and not 0 <= int(argument or 0) <= len(data):
            raise ValueError(f"it has a pickle's place {argument}, and {len(data)} bytes")


class _Dtype:
    """What stands for numpy.dtype: the name of the one that is read; what a file says beyond it is left aside."""

    def __init__(self, name: Any = None, *_: Any):
        if name not in ("u1", b"u1", "|u1", b"|u1", "uint8", b"uint8"):
            raise ValueError(f"it has an array of {name!r}; bytes (u1) are needed")

    def __setstate__(self, _: Any) -> None:
        pass


class _Array:
    """What stands for numpy.ndarray: made empty, then given its bytes."""

    def __init__(self, *_: Any):
        self.array: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, in_columns, data = state
        self.fill(shape, dtype, data, "F" if in_columns else "C")

    def fill(self, shape: Any, dtype: Any, data: Any, order: Any) -> "_Array":
        """Take the bytes, if they are as many as the shape says."""
        whole = type(shape) is tuple and all(type(side) is int and side >= 0 for side in shape)
        if type(dtype) is not _Dtype or not whole or math.prod(shape) != len(data) or order not in ("C", "F"):
            raise ValueError("it has an array whose shape is not that of its bytes")
        self.array = np.frombuffer(data, np.uint8).reshape(shape, order=order)
        return self


class _Function:
    """A function that a pickle may call, and not change: a plain one has attributes that BUILD could set."""

    __slots__ = ("work",)

    def __init__(self, work: Callable[..., Any]):
        self.work = work

    def __call__(self, *given: Any) -> Any:
        return self.work(*given)

    def __setstate__(self, _: Any) -> None:
        raise ValueError("it changes a function")


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any, *_: Any) -> _Array:
    return _Array().fill(shape, dtype, data, order)


def _encoded(text: Any, encoding: Any = "latin1") -> bytes:
    """How Python 3 writes bytes in the pickles of Python 2."""
    if type(text) is not str or encoding not in ("latin1", b"latin1"):
        raise ValueError(f"it has bytes in {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""


STAND_INS = {
    "ndarray": _Array,
    "_reconstruct": _Array,
    "dtype": _Dtype,
    "_frombuffer": _Function(_from_buffer),
    "encode": _Function(_encoded),
    "bytes": _Function(_no_bytes),
}


class _DataOnly(pickle.Unpickler):
    """Reads the pickles that CIFAR-10 is published as, with stand-ins for all that is not plain data."""

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
        if module in self.MODULES and name in STAND_INS:
            return STAND_INS[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")
