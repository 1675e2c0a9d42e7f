"""The `teacher` commands: teachers from elsewhere, and out of a run."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.commands.checks import check_writable
from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.config.settings import Config
from bench.datasets.registry import definition_name, load
from bench.stages.pipeline import Pipeline
from bench.stages.training import MODEL
from bench.store.progress import Display
from bench.store.store import Store
from sfddm.checkpoint import save_denoiser
from sfddm.errors import InputError
from sfddm.import_diffusers import load_diffusers
from sfddm.import_lucidrains import check_schedule, load_lucidrains
from sfddm.schedule import alpha_bar_table
from sfddm.unet import UNet


def import_teacher(source: Path, form: str, dataset: str, resolution: int | None, to: Path,
                   assignments: Sequence[str]) -> None:  # fmt: skip
    """Convert a teacher into this suite's form. Raises InputError where it does not fit the dataset."""
    config = resolve(load_preset(definition_name(dataset)), None, assignments, resolution=resolution)
    if form == "lucidrains":
        origin = _import_lucidrains(source, config, to)
    elif form == "diffusers":
        network, spec = load_diffusers(source)
        _check_channels(spec.network.channels, config, source)
        save_denoiser(_target(to), network, spec)
        origin = "weights"
    else:
        raise InputError(f"--format: '{form}' given, possible: lucidrains, diffusers")
    print(f"{to}: {origin} of {source}; use it with: sfddm-bench run --dataset {dataset} --set teacher.weights={to}")


def export_teacher(to: Path, dataset: str, resolution: int | None, scale: str | None, seed: int,
                   assignments: Sequence[str], out: Path, data_root: Path | None) -> None:  # fmt: skip
    """Copy the teacher of a finished run. Raises InputError where there is none with these settings."""
    config = resolve(load_preset(definition_name(dataset, data_root)), scale, assignments, resolution=resolution)
    stage = Pipeline(config, load(dataset, config.resolution, data_root)).teacher(seed)
    store = Store(out, "cpu", Display())
    if not store.is_done(stage):
        raise InputError(
            f"--out: no finished teacher of {dataset} at scale {config.scale} with seed {seed} and these settings in '{out}'; "
            f"train it with: sfddm-bench run --dataset {dataset} --scale {config.scale} --seeds {seed} --out {out}"
        )
    shutil.copyfile(store.folder(stage) / MODEL, _target(to))
    print(to)


def _import_lucidrains(source: Path, config: Config, to: Path) -> str:
    imported = load_lucidrains(source)
    _check_channels(imported.config.channels, config, source)
    teacher = config.teacher
    if imported.alpha_bar is not None:
        check_schedule(imported.alpha_bar, alpha_bar_table(teacher.schedule, teacher.timesteps), source)
    spec = config.teacher_spec().model_copy(update={"network": imported.config})
    network = UNet(imported.config)
    network.load_state_dict(imported.weights)
    save_denoiser(_target(to), network, spec)
    return imported.origin


def _check_channels(channels: int, config: Config, source: Path) -> None:
    needed = config.network.channels
    if channels != needed:
        raise InputError(f"{source}: its network has {channels} image channels, {config.dataset} has {needed}")


def _target(to: Path) -> Path:
    check_writable(to.absolute().parent, "--to")
    return to
