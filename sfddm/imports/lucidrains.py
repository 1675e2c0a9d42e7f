"""Teachers from denoising-diffusion-pytorch, the SFDDM authors' base library.

Takes what people have: a state dict of its `Unet`, of its `GaussianDiffusion` (network and schedule tables, which
is also what the authors' checkpoints hold), or its `Trainer`'s file (whose EMA is preferred).
"""

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sfddm.errors import InputError
from sfddm.unet import UNet, UNetConfig

SCHEDULE_TOLERANCE = 1e-5  # of alpha_bar; the library's float32 tables are within 1e-7

# (pattern of the library's key, ours), tried in order on the part of the key before the parameter's own name.
MODULES: tuple[tuple[str, str], ...] = (
    (r"init_conv", "stem"),
    (r"time_mlp\.1", "time.first"),
    (r"time_mlp\.3", "time.second"),
    (r"mid_block1", "middle_first"),
    (r"mid_attn", "middle_attention"),
    (r"mid_block2", "middle_second"),
    (r"final_res_block", "last"),
    (r"final_conv", "head"),
    (r"(downs|ups)\.(\d+)\.0", r"\1.\2.first"),
    (r"(downs|ups)\.(\d+)\.1", r"\1.\2.second"),
    (r"(downs|ups)\.(\d+)\.2", r"\1.\2.attention"),
    (r"(downs|ups)\.(\d+)\.3", r"\1.\2.resample"),
)
INNER: tuple[tuple[str, str], ...] = (
    (r"^downs\.", "down."),
    (r"^ups\.", "up."),
    (r"\.mlp\.1\.", ".time."),
    (r"\.block1\.proj\.", ".first.conv."),
    (r"\.block1\.norm\.", ".first.norm."),
    (r"\.block2\.proj\.", ".second.conv."),
    (r"\.block2\.norm\.", ".second.norm."),
    (r"\.res_conv\.", ".skip."),
    (r"\.mem_kv$", ".memory"),
    (r"\.to_qkv\.", ".qkv."),
    (r"\.to_out\.", ".out."),
    (r"\.g$", ".gain"),
)


@dataclass(frozen=True)
class Imported:
    """A teacher out of a file.

    weights: in our names. alpha_bar: float64 (T,), if the file has a schedule. origin: which of its networks this is.
    """

    config: UNetConfig
    weights: dict[str, Tensor]
    alpha_bar: np.ndarray | None
    origin: str


def load_lucidrains(path: Path, heads: int = 4) -> Imported:
    """Return the teacher in a state dict file of denoising-diffusion-pytorch. Raises InputError in one line.

    `heads`: the attention heads of the file's network, which its shapes may not tell; 4 is the library's default.
    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{path}: not a readable state dict of tensors ({' '.join(str(error).split())[:120]})"
        ) from None
    state, origin = _network_state(loaded, path)
    table = _find_table(loaded)
    config = infer_config(state, heads, path)
    return Imported(config, translate(state, UNet(config).state_dict(), str(path)), table, origin)


def check_schedule(found: np.ndarray, expected: np.ndarray, path: Path) -> None:
    """Raise InputError if a file's alpha_bar, float64 (T,), is not the expected one."""
    if len(found) != len(expected):
        raise InputError(f"{path}: its schedule has T = {len(found)}, the expected schedule has T = {len(expected)}")
    difference = np.abs(found - expected)
    if difference.max() > SCHEDULE_TOLERANCE:
        first = int(np.argmax(difference > SCHEDULE_TOLERANCE))
        raise InputError(
            f"{path}: its alpha_bar differs from the expected schedule's by up to {difference.max():.3g}, first at "
            f"timestep {first} ({found[first]:.6f} against {expected[first]:.6f})"
        )


def infer_config(state: Mapping[str, Tensor], heads: int, path: Path) -> UNetConfig:
    """Return the network's shape from the shapes of a bare Unet state dict."""
    for key in ("init_conv.weight", "final_conv.weight", "downs.0.2.to_qkv.weight"):
        if key not in state:
            raise InputError(f"{path}: key '{key}' is missing; this is no Unet of denoising-diffusion-pytorch")
    dim, channels = state["init_conv.weight"].shape[:2]
    levels = 1 + max(int(match[1]) for key in state if (match := re.match(r"downs\.(\d+)\.", key)))
    widths = [state[f"ups.{level}.0.block1.proj.weight"].shape[0] for level in reversed(range(levels))]
    hidden = state["downs.0.2.to_qkv.weight"].shape[0] // 3
    # Linear attention keeps its memory as (2, heads, head_dim, 4), full attention as (2, heads, 4, head_dim).
    full = tuple(f"downs.{level}.2.to_out.weight" in state for level in range(levels))
    heads = state["downs.0.2.mem_kv"].shape[1] if "downs.0.2.mem_kv" in state else heads
    return UNetConfig(
        dim=dim,
        dim_mults=tuple(width // dim for width in widths),
        channels=channels,
        heads=heads,
        head_dim=hidden // heads,
        full_attention=full,
    )


def translate(state: Mapping[str, Any], ours: Mapping[str, Tensor], origin: str) -> dict[str, Tensor]:
    """Return a Unet state dict in our names. Raises InputError for a missing, unexpected or misshapen key."""
    translated = {our_name(key): (key, value) for key, value in state.items()}
    for name, expected in ours.items():
        if name not in translated:
            raise InputError(f"{origin}: no key for '{name}' of the network")
        key, value = translated[name]
        if value.shape != expected.shape:
            raise InputError(
                f"{origin}: '{key}' has shape {tuple(value.shape)}, the network needs {tuple(expected.shape)}"
            )
    for name, (key, _) in translated.items():
        if name not in ours:
            raise InputError(f"{origin}: unexpected key '{key}'")
    return {name: translated[name][1] for name in ours}


def our_name(key: str) -> str:
    """Return the library's key in our names; an unknown one comes back changed little or not at all."""
    for pattern, name in MODULES:
        replaced, hits = re.subn(rf"^{pattern}(?=\.)", name, key)
        if hits:
            key = replaced
            break
    for pattern, name in INNER:
        key = re.sub(pattern, name, key)
    return key


def _network_state(loaded: Any, path: Path) -> tuple[dict[str, Tensor], str]:
    """Return the bare Unet's entries and which of the file's networks they are."""
    if not isinstance(loaded, dict):
        raise InputError(f"{path}: holds a {type(loaded).__name__}, a state dict is needed")
    sources = [
        (loaded.get("ema"), "ema_model.model.", "EMA"),
        (loaded.get("model"), "model.", "raw weights"),
        *((loaded, prefix, "weights") for prefix in ("module.model.", "model.", "module.", "")),
    ]
    for state, prefix, origin in sources:
        if isinstance(state, dict) and f"{prefix}init_conv.weight" in state:
            cut = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            known = r"(init_conv|time_mlp|downs|mid_|ups|final_)"
            return {key: value for key, value in cut.items() if prefix or re.match(known, key)}, origin
    raise InputError(f"{path}: no 'init_conv.weight' in it; this is no Unet of denoising-diffusion-pytorch")


def _find_table(loaded: dict[str, Any]) -> np.ndarray | None:
    for state in (loaded.get("model"), loaded):
        if isinstance(state, dict):
            for key in ("alphas_cumprod", "module.alphas_cumprod"):
                if isinstance(state.get(key), Tensor):
                    return state[key].double().numpy()
    return None
