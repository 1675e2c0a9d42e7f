"""Finding a network in what others saved: nested dictionaries, prefixes of wrappers, an average beside raw weights."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from sfddm.errors import InputError
from sfddm.json_files import shown

WRAPPERS = {"module", "_orig_mod"}  # of DataParallel and of torch.compile, anywhere in a name
COUNTERS = {"initted", "step"}  # of ema_pytorch, beside its networks
DEPTH = 8  # of dictionaries in dictionaries


@dataclass(frozen=True)
class Found:
    """A network in a file.

    weights: by its own names. beside: the tensors beside it, in the same module, by their last name. averaged: whether
    it is an EMA. prefix: what stood before its names.
    """

    weights: dict[str, Any]
    beside: dict[str, Tensor]
    averaged: bool
    prefix: str


def find_network(loaded: Any, anchor: str, path: Path, what: str, buffers: frozenset[str] = frozenset()) -> Found:
    """Return the network that has a parameter called `anchor`; the EMA if there is one beside the raw weights.

    `buffers`: names of tensors that may stand beside a network. Raises InputError if there is none, if there are
    several alike, or if other tensors stand beside it, which would be parts that this suite does not know.
    """
    if not isinstance(loaded, dict):
        raise InputError(f"{path}: holds a {type(loaded).__name__}, a state dict is needed")
    flat = _flat(loaded, path)
    prefixes = sorted(key.removesuffix(anchor) for key in flat if f".{key}".endswith(f".{anchor}"))
    if not prefixes:
        raise InputError(f"{path}: no '{anchor}' in it; this is no {what}")
    online = [
        prefix for prefix in prefixes if "online_model" in prefix.split(".")
    ]  # the raw weights, beside an average
    averages = [prefix for prefix in prefixes if _is_average(prefix) and prefix not in online]
    started = [prefix for prefix in averages if _has_started(flat, prefix)]
    chosen = started or [prefix for prefix in prefixes if prefix not in averages + online] or online
    if len(chosen) != 1:
        raise InputError(
            f"{path}: holds several networks, one is needed: {', '.join(shown(name + anchor) for name in prefixes)}"
        )
    prefix = chosen[0]
    foreign = [key for key in flat if not key.startswith(tuple(prefixes)) and isinstance(flat[key], Tensor)]
    for key in foreign:
        if key.rpartition(".")[2] not in buffers | COUNTERS:
            raise InputError(f"{path}: unexpected key {shown(key)} beside its network")
    own = {key.removeprefix(prefix): value for key, value in flat.items() if key.startswith(prefix)}
    beside = {key: value for key, value in own.items() if key in buffers}
    parent = prefix.removesuffix("model.")
    beside |= {name: flat[parent + name] for name in buffers if isinstance(flat.get(parent + name), Tensor)}
    weights = {key: value for key, value in own.items() if key not in buffers and (prefix or isinstance(value, Tensor))}
    return Found(weights, beside, prefix in started, prefix)


def _flat(loaded: Mapping[Any, Any], path: Path) -> dict[str, Any]:
    """Return the entries of nested dictionaries under dotted names without wrappers."""
    flat: dict[str, Any] = {}
    seen = {id(loaded)}  # a dictionary that is reached twice is read once, or a small file could grow without end

    def entries(part: Mapping[Any, Any], before: str, depth: int) -> Iterator[tuple[str, Any]]:
        for key, value in part.items():
            if not isinstance(key, str):
                continue  # an optimizer's state, numbered by parameter
            if isinstance(value, dict):
                if id(value) not in seen and depth < DEPTH:
                    seen.add(id(value))
                    yield from entries(value, f"{before}{key}.", depth + 1)
            else:
                yield before + key, value

    for key, value in entries(loaded, "", 0):
        name = ".".join(part for part in key.split(".") if part not in WRAPPERS)
        if name in flat:
            raise InputError(f"{path}: two of its keys are both {shown(name)} without the prefixes of wrappers")
        flat[name] = value
    return flat


def _is_average(prefix: str) -> bool:
    return any("ema" in part.split("_") for part in prefix.split("."))


def _has_started(flat: Mapping[str, Any], prefix: str) -> bool:
    """Whether an average has seen a step; before, ema_pytorch's is the network as it was initialised."""
    initted = flat.get(prefix.partition("ema_model.")[0] + "initted")
    return not isinstance(initted, Tensor) or initted.numel() != 1 or bool(initted)
