"""Denoisers on disk: safetensors weights with the specification of the denoiser in the metadata.

Only weights are stored as tensors. The noise level of every index is computed from the specification on loading, so
weights and schedule always match (the authors' code overwrites its tables on loading).
"""

from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import nn

from sfddm.denoiser import Denoiser, Prediction
from sfddm.errors import InputError
from sfddm.files import writing
from sfddm.schedule import ScheduleName, alpha_bar_table
from sfddm.unet import UNet, UNetConfig
from sfddm.unet2d import UNet2D, UNet2DConfig


class DenoiserSpec(BaseModel):
    """What a denoiser is, apart from its weights.

    indices: the timesteps of the schedule that it works on; None is all. time_input: what the network is given as time
    at its i-th index; `t` is i, `phi` is indices[i].
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: UNetConfig | UNet2DConfig
    prediction: Prediction = "eps"
    schedule: ScheduleName = "sigmoid"
    timesteps: int = Field(1024, ge=1)
    indices: tuple[int, ...] | None = None
    time_input: Literal["t", "phi"] = "t"

    def denoiser(self, network: nn.Module) -> Denoiser:
        """Return the denoiser made of this specification and a network."""
        alpha_bar = torch.from_numpy(alpha_bar_table(self.schedule, self.timesteps))
        indices = torch.arange(self.timesteps) if self.indices is None else torch.tensor(self.indices)
        time_input = indices if self.time_input == "phi" else torch.arange(len(indices))
        return Denoiser(network, self.prediction, alpha_bar[indices], time_input)

    def fresh_network(self, seed: int) -> nn.Module:
        """Return a randomly initialised network, a function of the seed; the global generator does not change."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return UNet(self.network) if isinstance(self.network, UNetConfig) else UNet2D(self.network)


def save_denoiser(path: Path, network: nn.Module, spec: DenoiserSpec) -> None:
    """Write weights and specification atomically. Raises OSError."""
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    with writing(path) as file:
        file.write(save(weights, metadata={"sfddm": spec.model_dump_json()}))


def read_spec(path: Path) -> DenoiserSpec:
    """Return the specification in a file that `save_denoiser` wrote. Raises InputError."""
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("sfddm")
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({error})") from None
    if text is None:
        raise InputError(f"{path}: has no 'sfddm' metadata; it was not written by save_denoiser")
    try:
        return DenoiserSpec.model_validate_json(text)
    except ValidationError as error:
        raise InputError(f"{path}: its metadata does not describe a denoiser ({error.error_count()} faults)") from None


def load_denoiser(path: Path) -> tuple[Denoiser, DenoiserSpec]:
    """Return the denoiser in a file that `save_denoiser` wrote, on the CPU in evaluation mode, and its specification.

    Raises InputError in one line.
    """
    spec = read_spec(path)
    network = spec.fresh_network(seed=0)
    try:
        network.load_state_dict(load_file(path))
    except (RuntimeError, SafetensorError) as error:
        raise InputError(f"{path}: weights do not fit the network: {' '.join(str(error).split())[:200]}") from None
    return spec.denoiser(network.eval()), spec
