"""Denoisers on disk: safetensors weights with the specification of the denoiser in the metadata.

Only weights are stored as tensors. The noise level of every index is computed from the specification on loading, so
weights and schedule always match (the authors' code overwrites its tables on loading).
"""

from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import nn

from sfddm.denoiser import Denoiser, Prediction
from sfddm.errors import InputError
from sfddm.files import writing
from sfddm.schedule import ScheduleName, alpha_bar_table
from sfddm.unet import UNet, UNetConfig
from sfddm.unet2d import UNet2D, UNet2DConfig

MOST_TIMESTEPS = 10**6  # a thousand times as many as anyone uses, and a table of 8 MB


class DenoiserSpec(BaseModel):
    """What a denoiser is, apart from its weights.

    indices: the timesteps of the schedule that it works on; None is all. time_input: what the network is given as time
    at its i-th index; `t` is i, `phi` is indices[i].
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: UNetConfig | UNet2DConfig
    prediction: Prediction = "eps"
    schedule: ScheduleName = "sigmoid"
    timesteps: int = Field(1024, ge=1, le=MOST_TIMESTEPS)
    indices: Annotated[tuple[int, ...], Field(min_length=1)] | None = None
    time_input: Literal["t", "phi"] = "t"

    @model_validator(mode="after")
    def _indices_are_timesteps(self) -> "DenoiserSpec":
        if self.indices is not None and not all(0 <= index < self.timesteps for index in self.indices):
            raise ValueError(f"indices must be of the {self.timesteps} timesteps")
        return self

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
            return self._network()

    def check_weights(self, weights: dict[str, torch.Tensor]) -> None:
        """Raise ValueError if weights are not those of the network, which takes no memory for it.

        What a file says of its network may be of any size; the network is made only if its weights are there.
        """
        try:
            with torch.device("meta"):
                wanted = {name: value.shape for name, value in self._network().state_dict().items()}
        except InputError:
            raise
        except Exception as error:  # torch and diffusers raise anything of a size that cannot be
            raise ValueError(f"there is no such network ({error})") from None
        for name in sorted(wanted.keys() | weights.keys()):
            if name not in wanted or name not in weights or weights[name].shape != wanted[name]:
                found, needed = (
                    str(tuple(shape)) if shape is not None else "none"
                    for shape in (weights[name].shape if name in weights else None, wanted.get(name))
                )
                raise ValueError(f"'{name}' is {found}, the network has {needed}")

    def _network(self) -> nn.Module:
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
    try:
        weights = load_file(path)
        spec.check_weights(weights)
        network = spec.fresh_network(seed=0)
        network.load_state_dict(weights)
    except InputError:
        raise
    except (RuntimeError, SafetensorError, ValueError, OSError) as error:
        raise InputError(f"{path}: weights do not fit the network: {' '.join(str(error).split())[:200]}") from None
    return spec.denoiser(network.eval()), spec
