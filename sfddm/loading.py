"""`sfddm.load`: a model that makes images, from a file, from the folder of a stage, or from a run by what it is called.

A run folder is read here as the data that it is, a few small JSON files, so that a student can be used where the suite
that made it is not:

    <run>/records/<set>/*.json                what each cell is (method, steps, seed), and the keys of its stages
    <run>/stages/samples-<key>/settings.json  how its images were sampled, and the key of the model
    <run>/stages/{fold,teacher}-<key>/        model.safetensors

`visits` of a model that has indices of its own is `all`; one of all timesteps is sampled at the cell's.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sfddm.checkpoint import load_denoiser
from sfddm.errors import InputError, first_fault
from sfddm.image_model import ImageModel, Sampling, load_file, usual_sampling
from sfddm.weights import read_json

ADDRESS = re.compile(r"(.+?):([^:]+):([0-9]{1,9})(?::([0-9]{1,18}))?")
FORMS = "a file, the folder of a stage (samples, fold or teacher), or RUN:method:steps[:seed]"
MODEL, SAMPLES, SETTINGS, DONE = "model.safetensors", "samples.npy", "settings.json", "done.json"
# Of the settings of `samples`, those that do not describe the sampler.
NOT_THE_SAMPLER = ("method", "steps", "timesteps", "seed", "images", "precision", "distribution")
MOST_LISTED = 12

Key = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class StageSettings(BaseModel):
    """What the folder of a stage says of it."""

    model_config = ConfigDict(frozen=True)

    kind: str
    settings: dict[str, Any]
    parents: list[Key] = []


class CellRecord(BaseModel):
    """What a record says of which cell it is."""

    model_config = ConfigDict(frozen=True)

    method: str
    steps: int | None
    seed: int
    resolution: int
    failure: str | None = None
    parents: dict[str, Key] = {}

    @property
    def address(self) -> str:
        """What the cell is called in its run."""
        return f"{self.method}:{self.steps}:{self.seed}"


@dataclass(frozen=True)
class Cell:
    """A cell of a run that images were made of: its record's file, and the folder of its samples."""

    record: Path
    resolution: int
    samples: Path


def load(path: str | Path, size: int | None = None) -> ImageModel:
    """Return a model whose `sample(n, steps=, seed=, device=)` gives uint8 images, the same bits as its run's.

    path: a file, the folder of a stage, or RUN:method:steps[:seed], where RUN is a run folder or a set of records in it
    and the seed is 0 if it is left out. size: the side of the images in pixels, where nothing there says it.
    Raises InputError in one line.
    """
    place, match = Path(path), ADDRESS.fullmatch(str(path))
    if place.is_dir():
        return _of_stage(place, size)
    if place.exists() or match is None:
        if not place.exists():
            raise InputError(f"{path}: no such file or folder, possible: {FORMS}")
        return load_file(place, size)
    run, method, steps, seed = match.groups()
    cell = find_cell(Path(run), method, int(steps), int(seed or 0))
    return _of_samples(cell.samples, cell.resolution, str(path))


def find_cell(run: Path, method: str, steps: int, seed: int) -> Cell:
    """Return the one cell of a method at a step count under a seed. Raises InputError if there is none, or several.

    run: a run folder, one of its sets of records, or the file of a record.
    """
    if run.suffix == ".json":
        root, files = run.absolute().parents[2], [run]
    elif run.absolute().parent.name == "records":
        root, files = run.absolute().parents[1], sorted(run.glob("*.json"))
    else:
        root, files = run, sorted(run.glob("records/*/*.json"))
    cells = {path: record for path in files if (record := _cell_record(path))}
    if not cells:
        raise InputError(f"{run}: no records of images in it, possible: a run folder, made with sfddm-bench run --out")
    asked = f"{method}:{steps}:{seed}"
    found = [path for path, record in cells.items() if record.address == asked]
    if not found:
        there = sorted({record.address for record in cells.values()})
        more = f" and {len(there) - MOST_LISTED} more" if len(there) > MOST_LISTED else ""
        raise InputError(f"{run}: '{asked}' given, possible: {', '.join(there[:MOST_LISTED])}{more}")
    if len(found) > 1:
        names = ", ".join(str(path) for path in found[:MOST_LISTED])
        raise InputError(f"{run}: '{asked}' is there {len(found)} times; name one of these in place of it: {names}")
    record = cells[found[0]]
    stages = [root / "stages" / f"samples-{key}" for key in record.parents.values()]
    samples = next((folder for folder in stages if folder.is_dir()), None)
    if samples is None:
        raise InputError(f"{found[0]}: the stages that it was made of are not in '{root}', so there is no model")
    return Cell(found[0], record.resolution, samples)


def _cell_record(path: Path) -> CellRecord | None:
    """Return a record of a cell that has images, or None."""
    try:
        record = CellRecord.model_validate(read_json(path, "a record"))
    except (InputError, ValidationError):
        return None  # `verify` tells of those
    return record if record.steps is not None and record.failure is None else None


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
