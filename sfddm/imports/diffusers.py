"""Teachers from diffusers: a folder with a `UNet2DModel`, alone or inside a pipeline.

The published google/ddpm-cifar10-32, ddpm-celebahq-256, ddpm-church-256 and ddpm-bedroom-256 are such folders, with
T = 1000 and the linear schedule.
"""

import json
import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from sfddm.checkpoint import DenoiserSpec
from sfddm.denoiser import Prediction
from sfddm.errors import InputError
from sfddm.schedule import ScheduleName
from sfddm.unet2d import UNet2D, UNet2DConfig

WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
PREDICTIONS: dict[str, Prediction] = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}
SCHEDULES: dict[str, ScheduleName] = {"linear": "linear", "squaredcos_cap_v2": "cosine"}


def load_diffusers(folder: Path) -> tuple[nn.Module, DenoiserSpec]:
    """Return the network, in evaluation mode, and specification of a checkpoint folder. Raises InputError in one line.

    Without a scheduler_config.json, the published models' schedule is assumed: linear, T = 1000, eps.
    """
    unet = folder / "unet" if (folder / "unet").is_dir() else folder
    options = _read_json(unet / "config.json")
    if options.get("_class_name", "UNet2DModel") != "UNet2DModel":
        raise InputError(f"{unet / 'config.json'}: a {options['_class_name']} given, only UNet2DModel is possible")
    config = UNet2DConfig(options={key: value for key, value in options.items() if not key.startswith("_")})
    network = UNet2D(config)
    _fill(network, _read_weights(unet), unet)
    return network.eval(), _spec(config, folder)


def _spec(config: UNet2DConfig, folder: Path) -> DenoiserSpec:
    candidates = [folder / "scheduler" / "scheduler_config.json", folder / "scheduler_config.json"]
    path = next((candidate for candidate in candidates if candidate.exists()), None)
    given = _read_json(path) if path else {}
    name, timesteps = given.get("beta_schedule", "linear"), int(given.get("num_train_timesteps", 1000))
    prediction = given.get("prediction_type", "epsilon")
    # Our linear schedule is Ho et al.'s betas scaled by 1000 / T; at T = 1000 they are the published models'.
    ends = (given.get("beta_start", 1e-4), given.get("beta_end", 0.02))
    usual = name != "linear" or (timesteps == 1000 and ends == (1e-4, 0.02))
    if name not in SCHEDULES or prediction not in PREDICTIONS or not usual:
        raise InputError(
            f"{path}: schedule {name} {ends[0]}..{ends[1]}, T = {timesteps}, {prediction} given; possible: "
            f"linear 0.0001..0.02 with T = 1000, or squaredcos_cap_v2; {', '.join(PREDICTIONS)}"
        )
    return DenoiserSpec(
        network=config, prediction=PREDICTIONS[prediction], schedule=SCHEDULES[name], timesteps=timesteps
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: not readable as JSON ({error}); a diffusers UNet2DModel folder is needed") from None


def _read_weights(unet: Path) -> dict[str, Tensor]:
    path = next((unet / name for name in WEIGHTS if (unet / name).exists()), None)
    if path is None:
        raise InputError(f"{unet}: no weights there, {' or '.join(WEIGHTS)} is needed")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(f"{path}: not readable ({' '.join(str(error).split())[:120]})") from None


def _fill(network: UNet2D, weights: dict[str, Tensor], unet: Path) -> None:
    ours = network.model.state_dict()
    for name, value in ours.items():
        if name not in weights:
            raise InputError(f"{unet}: key '{name}' is missing in its weights")
        if weights[name].shape != value.shape:
            given, needed = tuple(weights[name].shape), tuple(value.shape)
            raise InputError(f"{unet}: '{name}' has shape {given}, config.json needs {needed}")
    unexpected = sorted(weights.keys() - ours.keys())
    if unexpected:
        raise InputError(f"{unet}: unexpected key '{unexpected[0]}' in its weights")
    network.model.load_state_dict(weights)
