"""`sfddm-bench teacher`: teachers from elsewhere, and out of a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands.options import RUNS, Assignments, DataRoot, Out, Resolution
from sfddm.errors import InputError

if TYPE_CHECKING:
    from bench.config.settings import Config

FORMATS = ("lucidrains", "diffusers")

app = typer.Typer(help="Bring in a teacher trained elsewhere, or take one out.", no_args_is_help=True)


@app.command(
    "import",
    epilog="Example: sfddm-bench teacher import diffusion_Cifar10_32x32_1024_pnoise_epoch_50.pth "
    "--format lucidrains --dataset cifar10 --to teacher.safetensors",
)
def teacher_import(
    source: Annotated[Path, typer.Argument(help="A state dict file (lucidrains) or a UNet2DModel folder (diffusers).")],
    form: Annotated[str, typer.Option("--format", help="lucidrains (denoising-diffusion-pytorch) or diffusers.")],
    dataset: Annotated[str, typer.Option(help="The dataset whose preset the teacher is for.")],
    resolution: Resolution = None,
    to: Annotated[Path, typer.Option(help="The file to write.")] = Path("teacher.safetensors"),
    assignments: Assignments = None,
) -> None:
    """Write a teacher trained elsewhere as a file that `run --set teacher.weights=FILE` takes."""
    from bench.config.preset import load_preset
    from bench.config.resolve import resolve
    from bench.datasets.registry import definition_name

    config = resolve(load_preset(definition_name(dataset)), None, assignments or [], resolution=resolution)
    if form not in FORMATS:
        raise InputError(f"--format: '{form}' given, possible: {', '.join(FORMATS)}")
    origin = _import_lucidrains(source, config, to) if form == "lucidrains" else _import_diffusers(source, config, to)
    print(f"{to}: {origin} of {source}; use it with: sfddm-bench run --dataset {dataset} --set teacher.weights={to}")


@app.command("export", epilog="Example: sfddm-bench teacher export teacher.safetensors --dataset digits --seed 0")
def teacher_export(
    to: Annotated[Path, typer.Argument(help="The safetensors file to write.")],
    dataset: Annotated[str, typer.Option(help="The dataset of the run.")] = "digits",
    resolution: Resolution = None,
    scale: Annotated[str | None, typer.Option(help="The scale of the run.")] = None,
    seed: Annotated[int, typer.Option(help="The seed of the run.")] = 0,
    assignments: Assignments = None,
    out: Out = RUNS,
    data_root: DataRoot = None,
) -> None:
    """Write the teacher of a finished run as safetensors, with its configuration in the metadata."""
    from bench.config.preset import load_preset
    from bench.config.resolve import resolve
    from bench.datasets.registry import definition_name, load
    from bench.stages import teacher
    from bench.stages.context import make_context
    from bench.stages.training import MODEL
    from bench.store.store import Store
    from sfddm.files import copy

    preset = load_preset(definition_name(dataset, data_root))
    config = resolve(preset, scale, assignments or [], resolution=resolution)
    stage = teacher.stage(make_context(config, load(dataset, config.resolution, data_root)), seed)
    store = Store(out, print)
    if not store.is_done(stage):
        raise InputError(
            f"--out: no finished teacher of {dataset} at scale {config.scale} with seed {seed} and these settings in "
            f"'{out}'; train it with: sfddm-bench run --dataset {dataset} --scale {config.scale} --seeds {seed} "
            f"--out {out}"
        )
    copy(store.path(stage, MODEL), _target(to))
    print(to)


def _import_lucidrains(source: Path, config: "Config", to: Path) -> str:
    from sfddm.checkpoint import save_denoiser
    from sfddm.imports.lucidrains import check_schedule, load_lucidrains
    from sfddm.schedule import alpha_bar_table
    from sfddm.unet import UNet

    imported, teacher = load_lucidrains(source), config.teacher
    _check_channels(imported.config.channels, config, source)
    if imported.alpha_bar is not None:
        try:
            check_schedule(imported.alpha_bar, alpha_bar_table(teacher.schedule, teacher.timesteps), source)
        except InputError as error:
            raise InputError(
                f"{error}; set teacher.schedule and teacher.timesteps to what it was trained with"
            ) from None
    spec = config.teacher_spec().model_copy(update={"network": imported.config})
    network = UNet(imported.config)
    network.load_state_dict(imported.weights)
    save_denoiser(_target(to), network, spec)
    return imported.origin


def _import_diffusers(source: Path, config: "Config", to: Path) -> str:
    from sfddm.checkpoint import save_denoiser
    from sfddm.imports.diffusers import load_diffusers

    network, spec = load_diffusers(source)
    _check_channels(spec.network.channels, config, source)
    save_denoiser(_target(to), network, spec)
    return "weights"


def _check_channels(channels: int, config: "Config", source: Path) -> None:
    needed = config.network.channels
    if channels != needed:
        raise InputError(f"{source}: its network has {channels} image channels, {config.dataset} has {needed}")


def _target(to: Path) -> Path:
    from bench.store.files import check_writable

    check_writable(to.absolute().parent, "--to")
    return to
