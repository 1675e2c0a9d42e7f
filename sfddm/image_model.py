"""What makes images by itself: a denoiser with the sampler it belongs to, and the shape of its images.

A denoiser alone does not say how it is to be sampled. `ImageModel` does, and so does the file that it is saved to:
safetensors, with the denoiser's specification and `Sampling` in the metadata.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from torch import Tensor

from sfddm.checkpoint import DenoiserSpec, load_denoiser, save_denoiser
from sfddm.denoiser import Denoiser
from sfddm.dpm_solver import DPMSolverSampler
from sfddm.errors import InputError, ParameterError, first_fault
from sfddm.grids import timesteps
from sfddm.noise import ImageNoise
from sfddm.performance import Performance, Precision
from sfddm.sampler import AncestralSampler, ConsistencySampler, DDIMSampler, Sampler, to_uint8
from sfddm.units import largest_that_fits, unit_size
from sfddm.weights import read_metadata
from sfddm.words import plural

METADATA = "sfddm-sampling"  # the name of the sampling in a file's metadata
SAMPLERS: dict[str, type[Sampler]] = {
    "ddim": DDIMSampler,
    "ancestral": AncestralSampler,
    "consistency": ConsistencySampler,
    "dpm-solver++(2m)": DPMSolverSampler,
}
LARGEST_SIDE = 2**16  # pixels
LARGEST_KEY = 2**64 - 1  # of the noise's generator

Side = Annotated[int, Field(ge=1, le=LARGEST_SIDE)]


class Sampling(BaseModel):
    """How a denoiser makes images.

    shape: of an image, (C,H,W). visits: `all` of the denoiser's indices, as a student of so many steps does; a list of
    them, increasing; or `any`, which is as many as are asked for, on the trailing grid. sampler: its description.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[Side, Side, Side]
    visits: tuple[Annotated[int, Field(ge=0)], ...] | Literal["all", "any"]
    sampler: dict[str, Any]
    precision: Precision = "fp32"


def sampler_of(described: Mapping[str, Any]) -> Sampler:
    """Return the sampler that describes itself so. Raises InputError if there is none."""
    name = described.get("sampler")
    if not isinstance(name, str) or name not in SAMPLERS:
        raise InputError(f"sampler '{name}' is not one of the suite's own, possible: {', '.join(SAMPLERS)}")
    options = {key: value == "x0" if key == "clip" else value for key, value in described.items() if key != "sampler"}
    try:
        sampler: Sampler = TypeAdapter(SAMPLERS[name]).validate_python(options)
        sound = sampler.describe() == described and 0 <= options.get("eta", 0) <= 1
    except (ValidationError, TypeError):
        sound = False
    if not sound:
        raise InputError(f"the options {dict(described)} are none of the sampler '{name}'")
    return sampler


@dataclass(frozen=True)
class ImageModel:
    """A denoiser that knows how it is sampled. name: what messages call it, such as the file it came from."""

    name: str
    denoiser: Denoiser
    spec: DenoiserSpec
    sampling: Sampling
    sampler: Sampler

    @classmethod
    def of(cls, name: str, denoiser: Denoiser, spec: DenoiserSpec, sampling: Sampling) -> "ImageModel":
        """Return the model. Raises InputError, beginning with the name, if its parts do not belong together."""
        if sampling.shape[0] != spec.network.channels:
            raise InputError(
                f"{name}: images of {plural(sampling.shape[0], 'channel')}, its network has {spec.network.channels}"
            )
        try:
            if isinstance(sampling.visits, tuple):
                timesteps(list(sampling.visits), len(denoiser), len(sampling.visits), "visits")
            return cls(name, denoiser, spec, sampling, sampler_of(sampling.sampler))
        except InputError as error:
            raise InputError(f"{name}: {error}") from None

    @property
    def steps(self) -> int | None:
        """The one step count that is possible; None if any is."""
        visits = self.sampling.visits
        return len(visits) if isinstance(visits, tuple) else len(self.denoiser) if visits == "all" else None

    def at(self, steps: int | None = None) -> Denoiser:
        """Return the denoiser whose indices are those that are visited. Raises ParameterError for another step count.

        steps: None is the one that is possible, or all of the denoiser's indices.
        """
        visits, total = self.sampling.visits, len(self.denoiser)
        if visits == "any":
            return self.denoiser.respaced(timesteps("trailing", total, total if steps is None else steps))
        if steps not in (None, self.steps):
            raise ParameterError("steps", f"{steps} given, possible: {self.steps} ({self.name} was made for it)")
        return self.denoiser if visits == "all" else self.denoiser.respaced(visits)

    def units(
        self, n: int, steps: int | None = None, seed: int = 0, device: torch.device | str = "cpu"
    ) -> Iterator[Tensor]:
        """Yield images 0..n-1 under a seed, uint8 (N,C,H,W) on the CPU, as many at a time as a network call holds.

        Image k is that of the seed's k-th latent, the same bits for any n. Raises ParameterError.
        """
        if n < 1:
            raise ParameterError("n", f"{n} given, a whole number from 1 up is possible")
        if not 0 <= seed <= LARGEST_KEY:
            raise ParameterError("seed", f"{seed} given, a whole number from 0 to {LARGEST_KEY} is possible")
        where, shape = str(_possible(device)), self.sampling.shape
        denoiser = self.at(steps).to(where)
        with Performance(precision=self.sampling.precision).sampling(denoiser) as fast:

            def unit(start: int, size: int) -> Tensor:
                noise = ImageNoise(seed, range(start, start + size), shape, where)
                return to_uint8(self.sampler(fast, noise)).cpu()

            size, images = largest_that_fits(unit_size(shape, where), lambda size: unit(0, size))
            yield images[:n]
            for start in range(size, n, size):
                yield unit(start, size)[: n - start]

    def sample(self, n: int, steps: int | None = None, seed: int = 0, device: torch.device | str = "cpu") -> Tensor:
        """Return images 0..n-1 under a seed, uint8 (n,C,H,W) on the CPU: see `units`."""
        return torch.cat(list(self.units(n, steps, seed, device)))

    def write(self, path: Path) -> None:
        """Write a file that `load` reads, atomically. Raises OSError."""
        save_denoiser(path, self.denoiser.network, self.spec, {METADATA: self.sampling.model_dump_json()})


def load_file(path: Path, size: int | None = None) -> ImageModel:
    """Return the model in a file that `ImageModel.write` or `save_denoiser` wrote.

    The latter's says nothing of sampling: it is DDIM, with x0 clipped, over all indices of a student, or as many as are
    asked for of a teacher's. size: the side of its images in pixels. Raises InputError, ParameterError.
    """
    told = read_metadata(path).get(METADATA)
    denoiser, spec = load_denoiser(path)
    if told is None:
        return ImageModel.of(str(path), denoiser, spec, usual_sampling(str(path), spec, size))
    try:
        sampling = Sampling.model_validate_json(told)
    except ValidationError as error:
        place, fault = first_fault(error)
        raise InputError(f"{path}: its metadata does not say how it is sampled ({place}: {fault[:160]})") from None
    if size not in (None, sampling.shape[1]):
        raise ParameterError("size", f"{size} given, {path} makes images of {sampling.shape[1]} pixels a side")
    return ImageModel.of(str(path), denoiser, spec, sampling)


def usual_sampling(name: str, spec: DenoiserSpec, size: int | None) -> Sampling:
    """Return how a denoiser is sampled that nothing else is known of. Raises ParameterError without a size."""
    size = size or getattr(spec.network, "options", {}).get("sample_size")
    if not isinstance(size, int) or not 1 <= size <= LARGEST_SIDE:
        raise ParameterError("size", f"not given, and {name} does not say it; give the side of its images in pixels")
    shape = (spec.network.channels, size, size)
    return Sampling(shape=shape, visits="any" if spec.indices is None else "all", sampler=DDIMSampler().describe())


def _possible(device: torch.device | str) -> torch.device:
    """Return a device that is there. Raises ParameterError."""
    there = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    with_short = [*there, "cuda"] if len(there) > 1 else there
    if str(device) not in with_short:
        raise ParameterError("device", f"'{device}' given, possible here: {', '.join(with_short)}")
    return torch.device(device)
