"""Teachers from diffusers: a folder with a `UNet2DModel`, alone or inside a pipeline.

The published google/ddpm-cifar10-32, ddpm-celebahq-256, ddpm-church-256 and ddpm-bedroom-256 are such folders, with
T = 1000 and the linear schedule.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sfddm.checkpoint import DenoiserSpec
from sfddm.errors import InputError
from sfddm.imports.schedulers import ASSUMED, read_scheduler
from sfddm.imports.state_dicts import find_network
from sfddm.json_files import read_json, shown
from sfddm.unet2d import FIELDS, UNet2D, UNet2DConfig, check_options, check_size
from sfddm.weights import fit, precision, read_weights
from sfddm.words import on_one_line

STEM = "diffusion_pytorch_model"
WEIGHTS = (f"{STEM}.safetensors", f"{STEM}.bin")
INDICES = tuple(f"{name}.index.json" for name in WEIGHTS)
ANCHOR = "conv_in.weight"
# Names of attention in releases before 0.17, which the published models have.
OLD_NAMES = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}
# What diffusers' EMAModel writes beside the network's own fields; it is about training.
AVERAGING = {"decay", "inv_gamma", "min_decay", "optimization_step", "power", "update_after_step", "use_ema_warmup"}
NAMED = "a diffusers UNet2DModel folder"


@dataclass(frozen=True)
class Imported:
    """A teacher out of a folder.

    network: in evaluation mode, float32. origin: which of the file's networks it is. precision: of the file, in words.
    assumed: whether the folder has no scheduler. unused: its scheduler's fields that are about sampling and were set.
    """

    network: nn.Module
    spec: DenoiserSpec
    origin: str
    precision: str
    assumed: bool
    unused: tuple[str, ...]

    @property
    def sample_size(self) -> int | None:
        """The side of the images that the network was made for; None if it does not say, or they are not square."""
        size = getattr(self.spec.network, "options", {}).get("sample_size")
        square = size[0] if isinstance(size, list | tuple) and len(set(size)) == 1 else size
        return square if isinstance(square, int) else None


def load_diffusers(folder: Path) -> tuple[nn.Module, DenoiserSpec]:
    """Return the network, in evaluation mode, and specification of a checkpoint folder. Raises InputError in one line.

    Without a scheduler_config.json, the published models' schedule is assumed: linear, T = 1000, eps.
    """
    imported = read_diffusers(folder)
    return imported.network, imported.spec


def read_diffusers(folder: Path) -> Imported:
    """Return the teacher in a checkpoint folder. Raises InputError in one line that names the file and the field."""
    folder = Path(folder)
    unet = folder / "unet" if (folder / "unet").is_dir() else folder
    _check_pipeline(folder)
    config = _read_config(unet / "config.json")
    scheduler = _find_scheduler(folder, unet)
    training = read_scheduler(scheduler) if scheduler else ASSUMED
    _check_embedding(config, training.timesteps, unet / "config.json")
    needed = _needed(config, unet / "config.json")
    found = find_network(_read_weights(unet), ANCHOR, unet, "UNet2DModel of diffusers")
    given, names = _renamed(found.weights, needed, unet)
    weights = fit(given, needed, str(unet), names)
    network = UNet2D(config)
    network.model.load_state_dict(weights)
    spec = DenoiserSpec(
        network=config, prediction=training.prediction, schedule=training.schedule, timesteps=training.timesteps
    )
    origin = "EMA" if found.averaged else "weights"
    return Imported(network.eval(), spec, origin, precision(given), scheduler is None, training.unused)


def _check_pipeline(folder: Path) -> None:
    """Refuse a pipeline with parts beside network and scheduler: a decoder, say, would make it no model of images."""
    path = folder / "model_index.json"
    if path.exists():
        for name, part in read_json(path, "a pipeline's index").items():
            if not name.startswith("_") and name not in ("unet", "scheduler") and part not in (None, [None, None]):
                raise InputError(f"{path}: {shown(name)} given, possible: unet and scheduler only")


def _read_config(path: Path) -> UNet2DConfig:
    given = read_json(path, NAMED)
    kind = given.get("_class_name", "UNet2DModel")
    if kind != "UNet2DModel":
        raise InputError(f"{path}: _class_name {on_one_line(kind, 80)} given, only UNet2DModel is possible")
    options = {name: value for name, value in given.items() if not name.startswith("_") and name not in AVERAGING}
    try:
        check_options(options)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    # The null of a field that is not known means nothing, and diffusers would not take it.
    return UNet2DConfig(options={name: value for name, value in options.items() if name in FIELDS})


def _find_scheduler(folder: Path, unet: Path) -> Path | None:
    """Return the scheduler's configuration: in the pipeline, beside the network, or in the pipeline around it."""
    name = "scheduler_config.json"
    candidates = [folder / "scheduler" / name, folder / name, unet / name]
    if unet.absolute().name.startswith("unet"):  # as pipelines name it, and unet_ema
        candidates.append(unet.absolute().parent / "scheduler" / name)
    return next((candidate for candidate in candidates if candidate.exists()), None)


def _check_embedding(config: UNet2DConfig, timesteps: int, path: Path) -> None:
    embedded = config.options.get("num_train_timesteps")
    if config.options.get("time_embedding_type") == "learned" and embedded is not None and embedded < timesteps:
        raise InputError(f"{path}: num_train_timesteps {embedded} given, the scheduler has {timesteps}")


def _needed(config: UNet2DConfig, path: Path) -> dict[str, Tensor]:
    """Return the network's tensors on the meta device, which takes no memory, once it is known to run."""
    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of layers without a weight, which the check below refuses
            network = UNet2D(config)
    except InputError as error:
        raise InputError(str(error).replace("config.json", str(path), 1)) from None
    check_size(network, config.channels, 8 * 2 ** len(network.model.down_blocks), str(path))
    return network.model.state_dict()


def _read_weights(unet: Path) -> Any:
    whole = [unet / name for name in WEIGHTS if (unet / name).exists()]
    if whole:
        return read_weights(whole[0])
    parts = [unet / name for name in INDICES if (unet / name).exists()]
    if parts:
        return _read_parts(parts[0])
    variants = sorted(path for path in unet.glob(f"{STEM}.*.*") if path.suffix in (".safetensors", ".bin", ".json"))
    named = [path for path in variants if ".index" in path.name or "-of-" not in path.name]
    whole = [path for path in named if path.suffix == ".safetensors"] or named
    if not whole:
        raise InputError(f"{unet}: no weights there, {' or '.join(WEIGHTS)} is needed")
    if len(whole) > 1:
        raise InputError(f"{unet}: {', '.join(path.name for path in whole)} are there, one file of weights is needed")
    return _read_parts(whole[0]) if whole[0].suffix == ".json" else read_weights(whole[0])


def _read_parts(index: Path) -> dict[str, Any]:
    """Return the tensors of all the files that an index names."""
    places = read_json(index, "an index of weights").get("weight_map")
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise InputError(f"{index}: weight_map: a file name for each tensor is needed")
    weights: dict[str, Any] = {}
    for name in sorted(set(places.values())):
        if Path(name).name != name or "\\" in name:
            raise InputError(f"{index}: weight_map: {shown(name)} given, a file in the same folder is needed")
        part = read_weights(index.parent / name)
        if not isinstance(part, dict):
            raise InputError(f"{index.parent / name}: holds a {type(part).__name__}, a state dict is needed")
        twice = next((key for key in part if key in weights), None)
        if twice is not None:
            raise InputError(f"{index.parent / name}: key {shown(str(twice))} is in another part as well")
        weights |= part
    missing = next((key for key in places if key not in weights), None)
    if missing is not None:
        raise InputError(f"{index}: key {shown(missing)} is in none of its files")
    return weights


def _renamed(
    weights: Mapping[str, Any], needed: Mapping[str, Tensor], unet: Path
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the weights under today's names, and the file's name of each."""
    given: dict[str, Any] = {}
    names: dict[str, str] = {}
    for key, value in weights.items():
        name = key
        if key not in needed:
            for old, new in OLD_NAMES.items():
                name = name.replace(old, new)
        if name in given:
            raise InputError(f"{unet}: {shown(names[name])} and {shown(key)} are names of the same tensor")
        given[name], names[name] = value, key
    return given, names
