"""Teachers from denoising-diffusion-pytorch, the SFDDM authors' base library.

Takes what people have: a state dict of its `Unet`, of its `GaussianDiffusion` (network and schedule tables, which
is also what the authors' checkpoints hold), or its `Trainer`'s file (whose EMA is preferred); wrapped, nested or in
half precision. What a file of tensors cannot say is taken to be the library's default: `resnet_block_groups` 8,
`sinusoidal_pos_emb_theta` 10000 and `auto_normalize`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from sfddm.denoiser import Prediction
from sfddm.errors import InputError
from sfddm.imports.state_dicts import find_network
from sfddm.json_files import shown
from sfddm.schedule import ScheduleName, alpha_bar_table
from sfddm.unet import MEMORY, UNet, UNetConfig
from sfddm.weights import fit, precision, read_weights

SCHEDULE_TOLERANCE = 1e-5  # of alpha_bar; the library's float32 tables are within 1e-7
BETAS_TOLERANCE = 1e-4  # of the alpha_bar that float32 betas make
RELATIVE_TOLERANCE = 0.02  # of small values; 1 - alpha_bar in float32 is within 0.01 at the first timestep
HALF_LARGEST, HALF_SMALLEST = 6e4, 1e-7  # half precision has infinity above and zero below
TINY = 1e-12
MOST_LEVELS = 16
LONGEST = 1_000_000  # timesteps
ANCHOR = "init_conv.weight"
WHAT = "Unet of denoising-diffusion-pytorch"
BUFFERS = frozenset(
    "betas alphas_cumprod alphas_cumprod_prev sqrt_alphas_cumprod sqrt_one_minus_alphas_cumprod "
    "log_one_minus_alphas_cumprod sqrt_recip_alphas_cumprod sqrt_recipm1_alphas_cumprod posterior_variance "
    "posterior_log_variance_clipped posterior_mean_coef1 posterior_mean_coef2 loss_weight p2_loss_weight".split()
)

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

    weights: float32, in our names. alpha_bar: float64 (T,), if the file has a schedule; schedule: our name for it, if
    there is one. prediction: what the network predicts, if the file tells. origin: which of its networks this is.
    precision: of the file, in words. step: the trainer's counter, if it is there.
    """

    config: UNetConfig
    weights: dict[str, Tensor]
    alpha_bar: np.ndarray | None
    schedule: ScheduleName | None
    prediction: Prediction | None
    origin: str
    precision: str
    step: int | None


def load_lucidrains(path: Path) -> Imported:
    """Return the teacher in a state dict file of denoising-diffusion-pytorch. Raises InputError in one line."""
    path = Path(path)
    loaded = read_weights(path)
    found = find_network(loaded, ANCHOR, path, WHAT, BUFFERS)
    config = infer_config(found.weights, path)
    with torch.device("meta"):
        needed = UNet(config).state_dict()
    weights = translate(found.weights, needed, str(path))
    alpha_bar, schedule = _schedule(found.beside, path)
    raw = isinstance(loaded.get("model"), dict)
    step = loaded.get("step")
    return Imported(
        config,
        weights,
        alpha_bar,
        schedule,
        _prediction(found.beside, alpha_bar, path),
        "EMA" if found.averaged else "raw weights" if raw else "weights",
        precision(found.weights),
        step if type(step) is int else None,
    )


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


def infer_config(state: Mapping[str, Any], path: Path) -> UNetConfig:
    """Return the network's shape from the shapes of a bare Unet state dict.

    Raises InputError, naming the library's option, for a network that ours cannot be.
    """
    stem, head = _shape(state, ANCHOR, 4, path), _shape(state, "final_conv.weight", 4, path)
    channels, dim = head[:2]
    if "time_mlp.0.weights" in state:
        raise InputError(f"{path}: learned_sinusoidal_cond or random_fourier_features given, possible: neither")
    if stem[1] == 2 * channels:
        raise InputError(f"{path}: self_condition given (its 'init_conv' has {stem[1]} channels), possible: without")
    if channels == 2 * stem[1]:
        raise InputError(
            f"{path}: learned_variance given (its 'final_conv' has {channels} channels), possible: without"
        )
    if channels != stem[1]:
        raise InputError(f"{path}: out_dim {channels} given, possible: {stem[1]}, as many as channels")
    if stem[0] != dim:
        raise InputError(f"{path}: init_dim {stem[0]} given, possible: {dim}, as dim")
    numbers = {int(match[1]) for key in state if (match := re.match(r"downs\.(\d{1,3})\.", key))}
    levels = len(numbers)
    if not 0 < levels <= MOST_LEVELS or numbers != set(range(levels)):
        raise InputError(f"{path}: 'downs' has levels {sorted(numbers)[:20]}, possible: 0 to at most {MOST_LEVELS - 1}")
    widths = [_shape(state, f"ups.{level}.0.block1.proj.weight", 4, path)[0] for level in reversed(range(levels))]
    if any(width % dim for width in widths):
        raise InputError(f"{path}: dim_mults: widths {widths} given, possible: multiples of dim {dim}")
    # Linear attention keeps its memory as (2, heads, head_dim, 4), full attention as (2, heads, 4, head_dim).
    full = tuple(f"downs.{level}.2.to_out.weight" in state for level in range(levels))
    heads, head_dims = set(), set()
    for level in range(levels):
        memory = _shape(state, f"downs.{level}.2.mem_kv", 4, path)
        heads.add(memory[1])
        head_dims.add(memory[3 if full[level] else 2])
        if memory[2 if full[level] else 3] != MEMORY:
            raise InputError(f"{path}: 'downs.{level}.2.mem_kv' has shape {memory}, possible: num_mem_kv {MEMORY}")
    for option, values in (("attn_heads", heads), ("attn_dim_head", head_dims)):
        if len(values) > 1:
            raise InputError(f"{path}: {option} {sorted(values)} given, possible: the same at every level")
    try:
        return UNetConfig(
            dim=dim,
            dim_mults=tuple(width // dim for width in widths),
            channels=channels,
            heads=heads.pop(),
            head_dim=head_dims.pop(),
            full_attention=full,
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = f"{'.'.join(map(str, first['loc']))} {first['input']}"
        raise InputError(f"{path}: {said} given, not possible: {first['msg']}") from None


def _shape(state: Mapping[str, Any], key: str, dimensions: int, path: Path) -> tuple[int, ...]:
    if key not in state:
        raise InputError(f"{path}: key '{key}' is missing; this is no {WHAT} 1.9.4")
    value = state[key]
    if not isinstance(value, Tensor) or value.ndim != dimensions or 0 in value.shape:
        given = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise InputError(f"{path}: '{key}' has {given}, {dimensions} dimensions are needed; this is no {WHAT}")
    return tuple(value.shape)


def translate(state: Mapping[str, Any], ours: Mapping[str, Tensor], origin: str) -> dict[str, Tensor]:
    """Return a Unet state dict in our names, float32. Raises InputError for a key that does not fit, as `fit` does."""
    translated: dict[str, Any] = {}
    names: dict[str, str] = {}
    for key, value in state.items():
        name = our_name(key)
        if name in translated:
            raise InputError(f"{origin}: {shown(names[name])} and {shown(key)} are names of the same tensor")
        translated[name], names[name] = value, key
    return fit(translated, ours, origin, names)


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


def _schedule(buffers: Mapping[str, Tensor], path: Path) -> tuple[np.ndarray | None, ScheduleName | None]:
    """Return the file's alpha_bar, float64 (T,), and our name for it: if it has a name, then as that is exactly."""
    betas, table = (_table(buffers, name, path) for name in ("betas", "alphas_cumprod"))
    rounding = max((_rounding(buffers[name]) for name in ("betas", "alphas_cumprod") if name in buffers), default=0.0)
    if betas is not None:
        product = np.cumprod(1 - betas)
        if table is not None and (
            len(table) != len(betas) or np.abs(table - product).max() > max(BETAS_TOLERANCE, 2 * rounding)
        ):
            raise InputError(f"{path}: 'betas' and 'alphas_cumprod' given, which are not of the same schedule")
        table = product if table is None else table
    if table is None:
        return None, None
    for name in get_args(ScheduleName):
        expected = alpha_bar_table(name, len(table))
        near = np.abs(table - expected).max() <= max(SCHEDULE_TOLERANCE, rounding)
        if near and np.allclose(table, expected, RELATIVE_TOLERANCE, HALF_SMALLEST):
            return expected, name
    return table, None


def _rounding(table: Tensor) -> float:
    """Return how far a number near 1 may be from what was rounded to the table's dtype."""
    return torch.finfo(table.dtype).eps


def _prediction(buffers: Mapping[str, Tensor], alpha_bar: np.ndarray | None, path: Path) -> Prediction | None:
    """Return what the network predicts, by the weight of its loss; None if the file does not tell.

    With snr = alpha_bar / (1 - alpha_bar), at most gamma where min-SNR clips it, the library's loss weight is snr
    over the network's own: over snr for eps, over 1 for x0, over snr + 1 for v.
    """
    weight = _table(buffers, "loss_weight", path, infinite=True)
    if weight is None:
        return None
    if alpha_bar is None:
        raise InputError(f"{path}: 'loss_weight' given, which says nothing without 'alphas_cumprod' or 'betas'")
    if len(weight) != len(alpha_bar):
        raise InputError(f"{path}: 'loss_weight' has {len(weight)} numbers, its schedule has T = {len(alpha_bar)}")
    snr = alpha_bar / np.maximum(1 - alpha_bar, TINY)
    over: dict[Prediction, np.ndarray] = {"eps": snr, "x0": np.ones_like(snr), "v": snr + 1}
    fitting: list[Prediction] = []
    for prediction, own in over.items():
        for gamma in (np.inf, weight[0] * own[0]):
            expected = np.minimum(np.minimum(snr, gamma) / own, HALF_LARGEST)
            if np.allclose(np.minimum(weight, HALF_LARGEST), expected, RELATIVE_TOLERANCE, HALF_SMALLEST):
                fitting.append(prediction)
                break
    if len(fitting) != 1:
        found = f"fits {' and '.join(fitting)}" if fitting else "is that of no objective"
        raise InputError(
            f"{path}: 'loss_weight' {found}, possible: that of one of eps, x0, v, clipped by min-SNR or not"
        )
    return fitting[0]


def _table(buffers: Mapping[str, Tensor], name: str, path: Path, infinite: bool = False) -> np.ndarray | None:
    """Return a buffer of the file as float64 (T,), or None if it is not there."""
    if name not in buffers:
        return None
    value = buffers[name]
    if value.ndim != 1 or not 0 < len(value) <= LONGEST or not value.is_floating_point():
        raise InputError(f"{path}: '{name}' has shape {tuple(value.shape)}, a table of 1 to {LONGEST} is needed")
    table = value.detach().to(torch.float64).numpy()
    if np.isnan(table).any() or table.min() < 0 or (table.max() > 1 and not infinite):
        raise InputError(f"{path}: '{name}' has values outside of its range, a diffusion process is needed")
    return table
