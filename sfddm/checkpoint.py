"""Denoisers on disk: safetensors weights with the specification of the denoiser in the metadata.

Only weights are stored as tensors. The noise level of every index is computed from the specification on loading, so
weights and schedule always match (the authors' code overwrites its tables on loading).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors.torch import save
from torch import Tensor, nn

from sfddm.denoiser import Denoiser, Prediction
from sfddm.errors import InputError
from sfddm.files import writing
from sfddm.schedule import ScheduleName, alpha_bar_table
from sfddm.settings import MOST_TIMESTEPS
from sfddm.unet import UNet, UNetConfig
from sfddm.unet2d import UNet2D, UNet2DConfig
from sfddm.weights import fit, read_metadata, read_safetensors
from sfddm.words import on_one_line


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
    indices: tuple[int, ...] | None = Field(default=None, min_length=1)
    time_input: Literal["t", "phi"] = "t"

    @model_validator(mode="after")
    def _indices_are_timesteps(self) -> Self:
        if self.indices is not None and not all(0 <= index < self.timesteps for index in self.indices):
            raise ValueError(f"indices must be from 0 to {self.timesteps - 1}, as timesteps says")
        return self

    def denoiser(self, network: nn.Module) -> Denoiser:
        """Return the denoiser made of this specification and a network."""
        alpha_bar = torch.from_numpy(alpha_bar_table(self.schedule, self.timesteps))
        indices = torch.arange(self.timesteps) if self.indices is None else torch.tensor(self.indices)
        time_input = indices if self.time_input == "phi" else torch.arange(len(indices))
        two_times = getattr(self.network, "two_times", False)
        return Denoiser(network, self.prediction, alpha_bar[indices], time_input, two_times)

    def fresh_network(self, seed: int) -> nn.Module:
        """Return a randomly initialised network, a function of the seed; the global generator does not change."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self._network()

    def shapes(self) -> dict[str, Tensor]:
        """Return the tensors that the network has, by name, on the meta device: no memory is taken for them."""
        with torch.device("meta"):
            return self._network().state_dict()

    def _network(self) -> nn.Module:
        return UNet(self.network) if isinstance(self.network, UNetConfig) else UNet2D(self.network)


def save_denoiser(
    path: Path, network: nn.Module, spec: DenoiserSpec, metadata: Mapping[str, str] | None = None
) -> None:
    """Write weights and specification, with what else belongs in the metadata, atomically. Raises OSError."""
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    with writing(path) as file:
        file.write(save(weights, metadata={"sfddm": spec.model_dump_json(), **(metadata or {})}))


def read_spec(path: Path) -> DenoiserSpec:
    """Return the specification in a file that `save_denoiser` wrote. Raises InputError."""
    text = read_metadata(path).get("sfddm")
    if text is None:
        raise InputError(f"{path}: has no 'sfddm' metadata; it was not written by save_denoiser")
    try:
        return DenoiserSpec.model_validate_json(text)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        # A network is one of two kinds, and each says what it lacks; a rule of ours says what is wrong.
        first = next((fault for fault in faults if fault["type"] == "value_error"), faults[0])
        said = f"{'.'.join(map(str, first['loc'])) or 'sfddm'}: {first['msg']}"[:200]
        raise InputError(f"{path}: its metadata does not describe a denoiser ({' '.join(said.split())})") from None


def load_denoiser(path: Path) -> tuple[Denoiser, DenoiserSpec]:
    """Return the denoiser in a file that `save_denoiser` wrote, on the CPU in evaluation mode, and its specification.

    Raises InputError in one line.
    """
    spec = read_spec(path)
    try:
        needed = spec.shapes()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (RuntimeError, ValueError) as error:  # sizes that no tensor has
        raise InputError(f"{path}: its metadata describes no network ({on_one_line(error, 160)})") from None
    # Compared before the network takes memory: what its metadata says may be larger than the file by any factor.
    weights = fit(read_safetensors(path)[0], needed, f"{path}: weights do not fit the network")
    network = spec.fresh_network(seed=0)
    network.load_state_dict(weights)
    return spec.denoiser(network.eval()), spec
