"""An LSUN LMDB folder: values are webp files, in key order.

LMDB maps its file into memory and trusts what it finds there, so a damaged one kills the process that reads it: all
reading is done in worker processes, and a file shorter than it says is refused before.
"""

import io
import os
import struct
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image

from bench.datasets.sources import BEYOND, Source, check_size, first_line, opened
from bench.datasets.workers import read_apart
from bench.store.files import digest
from sfddm.errors import InputError

DATA = "data.mdb"
PAGE_HEADER = 16  # bytes
# MDB_meta of LMDB's mdb.c on a 64-bit machine: magic, version, address, map size, two MDB_db of 48 bytes (the first
# begins with the page size), the last page used, the transaction.
META = struct.Struct("=II16xI44x48xQQ")
MAGIC = 0xBEEFC0DE
PAGE_SIZES = [2**power for power in range(8, 17)]
LEAST_ENTRY_BYTES = 10


class LmdbSource(Source):
    """An LMDB's values by number; `limit` spares the reading of further keys."""

    kind = "lmdb"
    lossy = True

    def __init__(self, path: Path, limit: int | None = None):
        self.path = path
        self.transaction: Any = None
        self.left_out = Counter()
        check_whole(path)
        self.entries, self.keys = read_apart(read_keys, path, limit, what=f"--from: '{path / DATA}'")
        if not self.keys:
            raise InputError(f"--from: '{path}' holds no images: the LMDB is empty")
        if len(self.keys) < self.entries:
            self.left_out[BEYOND] += self.entries - len(self.keys)

    @property
    def names(self) -> list[str]:  # type: ignore[override]
        return [key.decode(errors="backslashreplace") for key in self.keys]

    @property
    def total(self) -> int:
        return self.entries

    def __len__(self) -> int:
        return len(self.keys)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"transaction": None}

    def take(self, count: int) -> None:
        self.left_out[BEYOND] += max(len(self.keys) - count, 0)
        self.keys = self.keys[:count]

    def image(self, number: int) -> Image.Image:
        if self.transaction is None:
            self.transaction = open_lmdb(self.path).begin(buffers=True)
        value = self.transaction.get(self.keys[number])
        check_size(len(value))
        return opened(io.BytesIO(value))

    def identity(self) -> str:
        return digest({"kind": self.kind, "count": len(self), "states": self.states()})  # the keys are the file's

    def states(self) -> list[Any]:
        found = (self.path / DATA).stat()
        return [str(self.path.resolve()), found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def check_whole(folder: Path) -> None:
    """Raise InputError if data.mdb is shorter than the newer of its two meta pages says."""
    path = folder / DATA
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            first = _meta(file.read(PAGE_HEADER + META.size))
            file.seek(first[0])
            second = _meta(file.read(PAGE_HEADER + META.size))
    except OSError as error:
        raise InputError(f"--from: '{path}' cannot be read ({error.strerror})") from None
    except (ValueError, struct.error) as error:
        raise InputError(f"--from: '{path}' is not a readable LMDB ({first_line(error)})") from None
    page_size, last_page, _ = max(first, second, key=lambda meta: meta[2])
    needed = (last_page + 1) * page_size
    if size < needed:
        raise InputError(f"--from: '{path}' has {size} bytes, and says that it has {needed}; get it again")


def _meta(page: bytes) -> tuple[int, int, int]:
    """Return (page size, last page, transaction) of a meta page. Raises ValueError or struct.error."""
    magic, _, page_size, last_page, transaction = META.unpack(page[PAGE_HEADER:])
    if magic != MAGIC or page_size not in PAGE_SIZES:
        raise ValueError("a meta page is not LMDB's")
    return page_size, last_page, transaction


def read_keys(folder: Path, limit: int | None) -> tuple[int, list[bytes]]:
    """Return how many entries there are, and the first `limit` keys. Raises InputError."""
    lmdb = _lmdb()
    try:
        with open_lmdb(folder) as environment, environment.begin() as transaction:
            entries = environment.stat()["entries"]
            if entries * LEAST_ENTRY_BYTES > (folder / DATA).stat().st_size:
                raise lmdb.CorruptedError(f"{entries} entries do not fit in it")
            count = entries if limit is None else min(limit, entries)
            return entries, list(islice(transaction.cursor().iternext(values=False), count))
    except (lmdb.Error, MemoryError) as error:
        raise InputError(
            f"--from: '{folder / DATA}' is not a readable LMDB ({first_line(error)}); get it again"
        ) from None


def open_lmdb(folder: Path) -> Any:
    """Return an LMDB environment, opened to read. Raises InputError."""
    lmdb = _lmdb()
    try:
        return lmdb.open(os.fspath(folder), readonly=True, lock=False, readahead=False, meminit=False)
    except lmdb.Error as error:
        raise InputError(f"--from: '{folder}' is not a readable LMDB ({first_line(error)})") from None


def _lmdb() -> Any:
    try:
        import lmdb
    except ImportError:
        raise InputError('--from: reading LMDB needs lmdb; install it with: pip install "sfddm-bench[lsun]"') from None
    return lmdb
