"""`sfddm.load`: a model that makes images, from a file, from the folder of a stage, or from a run by what it is called.

A run folder is read here as the data that it is, a few small JSON files, so that a student can be used where the suite
that made it is not:

    <run>/records/<set>/*.json                what each cell is (method, steps, seed), and the keys of its stages
    <run>/stages/samples-<key>/settings.json  how its images were sampled, and the key of the model
    <run>/stages/{fold,teacher}-<key>/        model.safetensors

`visits` of a model that has indices of its own is `all`; one of all timesteps is sampled at the cell's.
"""

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from sfddm.addresses import FORMS, Cell, Key, named
from sfddm.checkpoint import load_denoiser
from sfddm.errors import InputError, first_fault
from sfddm.image_model import ImageModel, Sampling, load_file, usual_sampling
from sfddm.json_files import read_json

MODEL, SAMPLES, SETTINGS, DONE = "model.safetensors", "samples.npy", "settings.json", "done.json"
# Of the settings of `samples`, those that do not describe the sampler.
NOT_THE_SAMPLER = ("method", "steps", "timesteps", "seed", "images", "precision", "distribution")


class StageSettings(BaseModel):
    """What the folder of a stage says of it."""

    model_config = ConfigDict(frozen=True)

    kind: str
    settings: dict[str, Any]
    parents: list[Key] = []


def load(path: str | Path, size: int | None = None) -> ImageModel:
    """Return a model whose `sample(n, steps=, seed=, device=)` gives uint8 images, the same bits as its run's.

    path: a file, the folder of a stage, or RUN:method:steps[:seed], where RUN is a run folder or a set of records in it
    and the seed is 0 if it is left out. size: the side of the images in pixels, where nothing there says it.
    Raises InputError in one line.
    """
    found = named(path)
    if isinstance(found, Cell):
        return _of_samples(found.samples, found.resolution, str(path))
    return _of_stage(found, size) if found.is_dir() else load_file(found, size)


def _of_stage(folder: Path, size: int | None) -> ImageModel:
    stage = _settings(folder)
    if stage.kind == "samples":
        return _of_samples(folder, size, str(folder))
    if stage.kind not in ("fold", "teacher"):
        raise InputError(f"{folder}: a stage of the kind '{stage.kind}', possible: samples, fold, teacher")
    key = folder.absolute().name.rpartition("-")[2]
    made = [other for other in sorted(folder.absolute().parent.glob("samples-*")) if key in _ancestors(other)]
    if stage.kind == "fold":
        own = [other for other in made if _settings(other).parents == [key]]
        ways = {str(_described(_settings(other))): other for other in own}
        if len(ways) > 1:
            raise InputError(
                f"{folder}: its images were sampled in {len(ways)} ways; name one: {', '.join(map(str, ways.values()))}"
            )
        for samples in ways.values():
            return _of_samples(samples, size, str(folder))
    denoiser, spec = load_denoiser(folder / MODEL)
    known = size or next((_shape(other)[1] for other in made if (other / SAMPLES).exists()), None)
    return ImageModel.of(str(folder), denoiser, spec, usual_sampling(str(folder), spec, known))


def _of_samples(folder: Path, size: int | None, name: str) -> ImageModel:
    stage = _settings(folder)
    parents = [folder.parent / f"{kind}-{key}" for key in stage.parents for kind in ("fold", "teacher")]
    model = next((parent for parent in parents if (parent / MODEL).exists()), None)
    if model is None:
        raise InputError(f"{name}: the model that its images were made with is not in '{folder.parent}'")
    denoiser, spec = load_denoiser(model / MODEL)
    shape = (spec.network.channels, size, size) if size else _shape(folder)
    try:
        sampling = Sampling.model_validate(
            {
                "shape": shape,
                # Of a model with all of the schedule's timesteps, as a teacher has, some are visited.
                "visits": stage.settings.get("timesteps") if spec.indices is None else "all",
                "sampler": _described(stage),
                "precision": stage.settings.get("precision", "fp32"),
            }
        )
    except ValidationError as error:
        place, fault = first_fault(error)
        raise InputError(f"{folder / SETTINGS}: does not say how to sample ({place}: {fault[:160]})") from None
    return ImageModel.of(name, denoiser, spec, sampling)


def _described(stage: StageSettings) -> dict[str, Any]:
    """Return how the sampler of a stage of images describes itself."""
    return {key: value for key, value in stage.settings.items() if key not in NOT_THE_SAMPLER}


def _ancestors(folder: Path) -> set[str]:
    """Return the keys of the models that images were made from, each from the one before it."""
    seen: set[str] = set()
    ahead = [folder]
    while ahead:
        try:
            parents = set(_settings(ahead.pop()).parents) - seen
        except InputError:
            continue
        seen |= parents
        ahead += [folder.parent / f"fold-{key}" for key in parents if (folder.parent / f"fold-{key}").is_dir()]
    return seen


def _settings(folder: Path) -> StageSettings:
    """Return what the folder of a done stage says of it. Raises InputError."""
    path = folder / SETTINGS
    if not path.exists():
        raise InputError(f"{folder}: no folder of a stage (it has no {SETTINGS}), possible: {FORMS}")
    if not (folder / DONE).exists():
        raise InputError(f"{folder}: this stage is not done; run the same command again, it resumes from there")
    try:
        return StageSettings.model_validate(read_json(path, "what a stage says of itself"))
    except ValidationError as error:
        place, fault = first_fault(error)
        raise InputError(f"{path}: not what a stage says of itself ({place}: {fault[:160]})") from None


def _shape(folder: Path) -> tuple[int, ...]:
    """Return the shape (C,H,W) of the images in a stage's folder. Raises InputError."""
    path = folder / SAMPLES
    try:
        return tuple(np.load(path, mmap_mode="r", allow_pickle=False).shape[1:])
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: not readable as images ({' '.join(str(error).split())[:160]})") from None
