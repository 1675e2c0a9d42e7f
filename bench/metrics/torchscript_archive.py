"""The tensors in a TorchScript file, read without TorchScript, which torch no longer keeps up.

The file is a zip: `data.pkl` describes the modules, each tensor's numbers are in a member of their own. The pickle is
read by an unpickler that knows tensors, containers and nothing else, so that no code of the file's runs.
"""

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sfddm.words import on_one_line

DESCRIPTION = "data.pkl"
DESCRIPTION_BYTES = 2**24  # that of Inception-2015 is a few hundred thousand bytes
DEPTH = 100  # of modules within modules

STORAGES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "BoolStorage": torch.bool,
}


class Module:
    """A module of the file: its attributes, without its class."""

    attributes: dict[str, Any]

    def __setstate__(self, state: Any) -> None:
        self.attributes = state if isinstance(state, dict) else {}


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a TorchScript file by dotted name, on the CPU. Raises OSError; ValueError if it is none."""
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return dict(_tensors(_described(archive), DEPTH))
        except OSError:
            raise
        except Exception as error:  # a damaged pickle raises anything
            raise ValueError(f"no TorchScript file ({on_one_line(error, 80)})") from None


def _described(archive: zipfile.ZipFile) -> Any:
    found = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/" + DESCRIPTION)]
    if len(found) != 1:
        raise ValueError(f"it has no {DESCRIPTION}")
    if archive.getinfo(found[0]).file_size > DESCRIPTION_BYTES:
        raise ValueError(f"its {DESCRIPTION} has {archive.getinfo(found[0]).file_size:,} bytes")
    return _Unpickler(archive, found[0].removesuffix(DESCRIPTION)).load()


def _stored(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a member that takes as much memory as it takes of the file: torch compresses code, never numbers."""
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"its {name} is compressed")
    return archive.read(name)


class _Unpickler(pickle.Unpickler):
    """Reads a description: modules without their classes, tensors, lists and dictionaries; anything else is refused."""

    def __init__(self, archive: zipfile.ZipFile, folder: str):
        super().__init__(io.BytesIO(_stored(archive, folder + DESCRIPTION)))
        self.archive, self.folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        if module == "__torch__" or module.startswith("__torch__."):
            return Module
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch.jit._pickle":
            return _untagged if name == "restore_type_tag" else list
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is no part of a network")

    def persistent_load(self, pid: Any) -> Tensor:
        _, dtype, key, _, count = pid
        data = bytearray(_stored(self.archive, f"{self.folder}data/{key}"))
        return torch.frombuffer(data, dtype=dtype, count=count) if count else torch.empty(0, dtype=dtype)


def _tensor(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    return storage.as_strided(size, stride, offset)


def _untagged(value: Any, _: Any) -> Any:
    return value


def _tensors(value: Any, depth: int, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Module) and depth:
        for name, part in value.attributes.items():
            if isinstance(part, Tensor):
                yield prefix + name, part
            else:
                yield from _tensors(part, depth - 1, f"{prefix}{name}.")
