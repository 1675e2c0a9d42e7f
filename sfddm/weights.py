"""Tensors out of files that others made, safetensors or PyTorch's: no pickle runs code, and no file takes more memory
than its own size warrants. Every fault is an InputError of one line that names the file, and the tensor if it is one.
"""

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from sfddm.errors import InputError
from sfddm.json_files import shown, words_of

FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)  # what is converted to float32
HEADER_LIMIT = 2**24  # bytes; the header of a network of 100,000 tensors takes less


def read_weights(path: Path) -> Any:
    """Return what a file holds: a dictionary of CPU tensors, or whatever of tensors and plain values PyTorch saved."""
    _check_file(path)
    return read_safetensors(path)[0] if _is_safetensors(path) else _read_torch(path)


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the CPU tensors and the metadata in a safetensors file."""
    metadata = read_metadata(path)
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except Exception as error:
        raise _unreadable(path, "safetensors file", error) from None


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata in a safetensors file; its tensors are not read."""
    _check_file(path)
    try:
        with path.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
        left = path.stat().st_size - 8
        if length > min(left, HEADER_LIMIT):
            raise ValueError(f"its header would be of {length} bytes, {max(left, 0)} follow and {HEADER_LIMIT} may be")
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except Exception as error:  # SafetensorError is a bare Exception, and odd dtypes and shapes raise others
        raise _unreadable(path, "safetensors file", error) from None


def fit(
    given: Mapping[str, Any], needed: Mapping[str, Tensor], origin: str, names: Mapping[str, str] | None = None
) -> dict[str, Tensor]:
    """Return the given tensors as float32, exactly those that are needed; `needed` may be on the meta device.

    `names`: what the file calls them, if that is something else. Raises InputError for the first one that is missing,
    superfluous, of another shape, no floating-point tensor, or not finite.
    """
    names = names or {}
    for name, like in needed.items():
        if name not in given:
            raise InputError(f"{origin}: key '{name}' is missing in its weights")
        said, value = names.get(name, name), given[name]
        if not isinstance(value, Tensor):
            raise InputError(f"{origin}: {shown(said)} is a {type(value).__name__}, a tensor is needed")
        if value.shape != like.shape:
            raise InputError(
                f"{origin}: {shown(said)} has shape {tuple(value.shape)}, the network needs {tuple(like.shape)}"
            )
    for name in given:
        if name not in needed:
            raise InputError(f"{origin}: unexpected key {shown(names.get(name, name))} in its weights")
    return {name: _float32(given[name], f"{origin}: {shown(names.get(name, name))}") for name in needed}


def precision(weights: Mapping[str, Tensor]) -> str:
    """Return the dtypes of the tensors, as words."""
    return ", ".join(sorted({str(value.dtype).removeprefix("torch.") for value in weights.values()}))


def _float32(value: Tensor, said: str) -> Tensor:
    if type(value) not in (Tensor, nn.Parameter) or value.layout != torch.strided or value.device.type != "cpu":
        raise InputError(f"{said} is no plain tensor ({value.layout} on {value.device})")
    if value.dtype not in FLOATS:
        possible = precision({str(dtype): torch.empty(0, dtype=dtype) for dtype in FLOATS})
        raise InputError(f"{said} is of {precision({'': value})}, possible: {possible}")
    # An expanded tensor has any shape at no cost in the file; as a plain one it would take all memory.
    if value.untyped_storage().nbytes() < value.numel() * value.element_size():
        raise InputError(f"{said} has fewer numbers in the file than its shape {tuple(value.shape)} needs")
    value = value.detach().to(torch.float32).contiguous()
    if not torch.isfinite(value).all():
        raise InputError(f"{said} holds NaN or infinity, only finite weights are possible")
    return value


def _read_torch(path: Path) -> Any:
    try:
        _check_zip(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle leads the unpickler to any exception there is
        raise _unreadable(path, "state dict of tensors", error) from None


def _check_zip(path: Path) -> None:
    """Refuse an archive whose members are larger than it is itself: PyTorch's own are stored, not compressed."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > path.stat().st_size:
            raise ValueError(f"its members would be of {unpacked} bytes, the file has {path.stat().st_size}")


def _is_safetensors(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix == ".safetensors" or file.read(9)[8:] == b"{"


def _check_file(path: Path) -> None:
    if not path.is_file():  # a pipe would wait for ever
        what = "a folder" if path.is_dir() else "not a file" if path.exists() else "no such file"
        raise InputError(f"{path}: not a readable state dict of tensors or safetensors file ({what})")


def _unreadable(path: Path, what: str, error: BaseException) -> InputError:
    return InputError(f"{path}: not a readable {what} ({words_of(error)})")
