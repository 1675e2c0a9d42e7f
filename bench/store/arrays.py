"""Arrays that may be larger than memory: what is large is mapped from a file, so that the system reads what is used.

An .npz is read as it always was up to a size; beyond, its arrays are mapped where they lie in it, which can be done
because `np.savez` does not compress. They may start at an odd byte, which costs processors of today nothing.
"""

import math
import os
import struct
import warnings
import zipfile
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import torch
from numpy.lib import format as npy
from torch import Tensor

LARGEST_IN_MEMORY = 2**30  # bytes of one array: more than the features of 100,000 images on Inception
LENGTHS_AT, HEADER_BYTES = (
    26,
    30,
)  # of a local header of a zip file: where the name's and extra's lengths are, and its own


def read_arrays(path: Path) -> dict[str, Tensor]:
    """Return the arrays in an uncompressed .npz by name; large ones are mapped and must not be written to."""
    with zipfile.ZipFile(path) as archive, np.load(path, allow_pickle=False) as arrays:
        return {
            info.filename.removesuffix(".npy"): _mapped(path, info)
            if info.file_size > LARGEST_IN_MEMORY
            else torch.from_numpy(arrays[info.filename])
            for info in archive.infolist()
        }


def _mapped(path: Path, info: zipfile.ZipInfo) -> Tensor:
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{path}: {info.filename} is compressed")
    with path.open("rb") as file:
        file.seek(info.header_offset + LENGTHS_AT)
        file.seek(info.header_offset + HEADER_BYTES + sum(struct.unpack("<HH", file.read(4))))
        npy.read_magic(file)
        shape, columns_first, dtype = npy.read_array_header_1_0(file)
        # Mapped for reading only: the system refuses to promise more writable memory than there is.
        array = np.memmap(path, dtype, "r", file.tell(), shape, "F" if columns_first else "C")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(array)


def empty(shape: tuple[int, ...], folder: Path) -> Tensor:
    """Return a float32 tensor to fill: in memory, or if it is large in a file without a name in a folder.

    Raises OSError if the disk has no room for it; the file is gone once the tensor is.
    """
    size = 4 * math.prod(shape)
    if size <= LARGEST_IN_MEMORY:
        return torch.empty(shape)
    with TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)  # a full disk would end the process when a page is written
        else:
            file.truncate(size)
        return torch.from_numpy(np.memmap(file, np.float32, "r+", shape=shape))


def gathered(array: Tensor, rows: np.ndarray, folder: Path) -> Tensor:
    """Return some rows (k,) of a float32 array (n,d), read a part at a time."""
    found = empty((len(rows), *array.shape[1:]), folder)
    at_once = max(1, 2**26 // (4 * math.prod(array.shape[1:])))  # 64 MiB
    for start in range(0, len(rows), at_once):
        part = rows[start : start + at_once]
        found[start : start + len(part)] = array[part]
    return found
