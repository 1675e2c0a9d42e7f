"""Models for diffusers: a folder that its `DDIMPipeline` loads, and whose images are ours.

A denoiser of S indices becomes a process of K S timesteps, of which index i is K (i + 1) - 1. diffusers' trailing
spacing visits just these in S steps, and its rule for the one before, t - K, is ours, down to the clean image: for any
S and any grid, where on the teacher's own T timesteps S would have to divide T. What the network is given as time at
each is a table in its weights (a `learned` embedding), be it the student's own index or the teacher's timestep.

K makes every alpha = 1 - beta at least a half. diffusers keeps beta in float32, so that an alpha of 1e-6, which the
only step of a student may well have, would be wrong by several per cent.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save
from torch import Tensor

from sfddm.denoiser import Denoiser
from sfddm.errors import ParameterError
from sfddm.files import writing
from sfddm.image_model import ImageModel
from sfddm.imports.diffusers import WEIGHTS
from sfddm.imports.schedulers import LONGEST, PREDICTIONS
from sfddm.sampler import DDIMSampler
from sfddm.unet2d import UNet2D, UNet2DConfig

SMALLEST_ALPHA = 0.5  # below which float32 of 1 - alpha says less of alpha than float32 of alpha does
TYPES = {ours: theirs for theirs, ours in PREDICTIONS.items()}


def check_possible(model: ImageModel) -> DDIMSampler:
    """Return the sampler of a model that diffusers' classes can be. Raises ParameterError in one line for others."""
    sampler, name = model.sampler, model.sampler.describe()["sampler"]
    if not isinstance(model.spec.network, UNet2DConfig):
        why = "has this suite's own U-Net, which diffusers loads only with trust_remote_code, as a custom pipeline"
    elif not isinstance(sampler, DDIMSampler):
        why = f"is sampled by {name}, and a DDIMPipeline samples by ddim"
    elif sampler.eta:
        why = f"is sampled with eta {sampler.eta:g}, and a DDIMPipeline draws other noise"
    else:
        return sampler
    raise ParameterError("format", f"'diffusers' given, but the model {why}; possible: safetensors")


def write_diffusers(model: ImageModel, folder: Path, steps: int | None = None) -> None:
    """Write what `DDIMPipeline.from_pretrained` and `UNet2DModel.from_pretrained(subfolder="unet")` load.

    steps: as of `ImageModel.at`; the pipeline is to be called with as many, and with `use_clipped_model_output=True` if
    x0 is clipped. Each file is written atomically, and the pipeline's own last. Raises ParameterError, OSError.
    """
    sampler, denoiser = check_possible(model), model.at(steps)
    substeps = substeps_of(denoiser.alpha_bar)
    if (timesteps := substeps * len(denoiser)) > LONGEST:
        raise ParameterError(
            "steps",
            f"{len(denoiser)} given, which takes {timesteps:,} timesteps in diffusers, {LONGEST:,} are possible",
        )

    from diffusers import DDIMPipeline, DDIMScheduler

    scheduler = DDIMScheduler(
        num_train_timesteps=substeps * len(denoiser),
        trained_betas=betas(denoiser.alpha_bar, substeps),
        prediction_type=TYPES[denoiser.prediction],
        timestep_spacing="trailing",
        set_alpha_to_one=True,
        clip_sample=sampler.clip,
    )
    network = _network(model, denoiser, substeps)
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    _write(folder / "unet" / WEIGHTS[0], save(weights, metadata={"format": "pt"}))
    for path, part in {
        "unet/config.json": network,
        "scheduler/scheduler_config.json": scheduler,
        "model_index.json": DDIMPipeline(network, scheduler),
    }.items():
        _write(folder / path, part.to_json_string().encode())


def substeps_of(alpha_bar: Tensor) -> int:
    """Return K, into how many equal steps to divide each, for none to have an alpha below a half."""
    least = min(_alphas(alpha_bar))
    return max(1, math.ceil(math.log(least) / math.log(SMALLEST_ALPHA)))


def betas(alpha_bar: Tensor, substeps: int) -> list[float]:
    """Return betas (S K,), float32 numbers, whose product of 1 - beta at K (i + 1) - 1 is alpha_bar[i].

    Each takes up what rounding left of those before it.
    """
    found, wanted, reached = [], 1.0, 1.0
    for alpha in np.repeat(np.array(_alphas(alpha_bar)) ** (1 / substeps), substeps):
        wanted *= alpha
        beta = np.float32(1 - wanted / reached)
        reached *= float(np.float32(1) - beta)
        found.append(float(beta))
    return found


def _alphas(alpha_bar: Tensor) -> list[float]:
    """Return the factor from each alpha_bar to the next noisier one, the first from the clean image."""
    table = alpha_bar.double().cpu().numpy()
    return list(table / np.concatenate([[1.0], table[:-1]]))


def _network(model: ImageModel, denoiser: Denoiser, substeps: int) -> Any:
    """Return the UNet2DModel whose time is a table: at each of K substeps what ours is given at the index."""
    ours, config, (_, height, width) = denoiser.network, model.spec.network, model.sampling.shape
    assert isinstance(ours, UNet2D)
    assert isinstance(config, UNet2DConfig)
    told = {
        "sample_size": height if height == width else [height, width],
        "time_embedding_type": "learned",
        "num_train_timesteps": substeps * len(denoiser),
    }
    network = UNet2D(UNet2DConfig(options=config.options | told)).model
    time = ours.model.time_proj(denoiser.time_input).detach().repeat_interleave(substeps, 0)
    weights = {name: value for name, value in ours.model.state_dict().items() if not name.startswith("time_proj.")}
    network.load_state_dict(weights | {"time_proj.weight": time})
    return network.eval()


def _write(path: Path, data: bytes) -> None:
    with writing(path) as file:
        file.write(data)
