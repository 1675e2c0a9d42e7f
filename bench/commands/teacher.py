"""`sfddm-bench teacher`: teachers from elsewhere, and out of a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.commands.examples import shown
from bench.commands.options import RUNS, Assignments, DataRoot, Resolution, Run, at_least
from sfddm.errors import InputError

if TYPE_CHECKING:
    from bench.config.settings import Config
    from sfddm.checkpoint import DenoiserSpec

FORMATS = ("lucidrains", "diffusers")

IMPORT_EXAMPLES = """
sfddm-bench teacher import epoch_50.pth --format lucidrains --dataset cifar10
sfddm-bench teacher import cifar10-32 --format diffusers --dataset cifar10
"""
EXPORT_EXAMPLES = "sfddm-bench teacher export runs --dataset digits --to teacher.safetensors"

app = typer.Typer(help="Bring in a teacher trained elsewhere, or take one out.", no_args_is_help=True)


@app.command("import", epilog=shown(IMPORT_EXAMPLES))
def teacher_import(
    source: Annotated[Path, typer.Argument(help="A state dict file (lucidrains) or a UNet2DModel folder (diffusers).")],
    form: Annotated[str, typer.Option("--format", help="lucidrains (denoising-diffusion-pytorch) or diffusers.")],
    dataset: Annotated[str, typer.Option(help="The dataset whose preset the teacher is for.")],
    resolution: Resolution = None,
    to: Annotated[Path, typer.Option(help="The file to write.")] = Path("teacher.safetensors"),
    assignments: Assignments = None,
) -> None:
    """Write a teacher trained elsewhere as a file that `run --set teacher.weights=FILE` takes."""
    _check_file(to)
    if form not in FORMATS:
        raise InputError(f"--format: '{form}' given, possible: {', '.join(FORMATS)}")

    from bench.config.checked import checked
    from bench.config.overrides import parse_overrides
    from bench.config.preset import load_preset
    from bench.datasets.registry import definition_name

    values = checked(load_preset(definition_name(dataset)), None, assignments or [], resolution=resolution)
    if not source.exists():
        raise InputError(f"SOURCE: '{source}' given, but there is no such file or folder")

    from bench.config.settings import Config

    config = Config(**values)
    take = _import_lucidrains if form == "lucidrains" else _import_diffusers
    asked = set(parse_overrides(assignments or []).get("teacher", {}))
    read = take(source, config, asked, to)
    print(f"{to}: {read} of {source}; use it with: sfddm-bench run --dataset {dataset} --set teacher.weights={to}")


@app.command("export", epilog=shown(EXPORT_EXAMPLES))
def teacher_export(
    to: Annotated[Path, typer.Option(help="The safetensors file to write.")],
    run: Run = RUNS,
    dataset: Annotated[str, typer.Option(help="The dataset of the run.")] = "digits",
    resolution: Resolution = None,
    scale: Annotated[str | None, typer.Option(help="The scale of the run.")] = None,
    seed: Annotated[int, typer.Option(help="The seed of the run.")] = 0,
    assignments: Assignments = None,
    data_root: DataRoot = None,
) -> None:
    """Write the teacher of a finished run as safetensors, with its configuration in the metadata."""
    _check_file(to)
    at_least("--seed", seed, 0)

    from bench.config.checked import checked
    from bench.config.preset import load_preset
    from bench.config.sections import Sections
    from bench.datasets.registry import definition_name, load

    preset = load_preset(definition_name(dataset, data_root))
    values = checked(preset, scale, assignments or [], resolution=resolution)
    sections = Sections(**values)
    images = load(dataset, sections.resolution, data_root, sections.data.held_out)
    made_by = f"sfddm-bench run --dataset {dataset} --scale {sections.scale} --seeds {seed} --out {run}"
    if not run.is_dir():
        raise InputError(f"RUN: '{run}' given, but there is no such folder, and no teacher; train it with: {made_by}")

    from bench.config.settings import Config
    from bench.stages import teacher
    from bench.stages.context import make_context
    from bench.stages.training import MODEL
    from bench.store.store import Store
    from sfddm.files import copy

    config = Config(**values)
    stage = teacher.stage(make_context(config, images), seed)
    store = Store(run, print)
    if not store.is_done(stage):
        raise InputError(
            f"RUN: no finished teacher of {dataset} at scale {config.scale} with seed {seed} and these settings in "
            f"'{run}'; train it with: {made_by}"
        )
    copy(store.path(stage, MODEL), _target(to))
    print(to)


def _import_lucidrains(source: Path, config: "Config", asked: set[str], to: Path) -> str:
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
    if imported.prediction is not None:
        spec = _told(spec, {"prediction": imported.prediction}, config, asked, source)
    _check_size(spec, config, source)
    network = UNet(imported.config)
    network.load_state_dict(imported.weights)
    save_denoiser(_target(to), network, spec)
    settings = {"schedule": imported.alpha_bar is not None, "prediction": imported.prediction is not None}
    assumed = [name for name, told in settings.items() if not told and name not in asked]
    assumed.append("the library's default resnet_block_groups, sinusoidal_pos_emb_theta and auto_normalize")
    at = "" if imported.step is None else f" at step {imported.step}"
    return f"{imported.origin}{at} ({_summary(spec, imported.precision, 'U-Net', assumed)})"


def _import_diffusers(source: Path, config: "Config", asked: set[str], to: Path) -> str:
    from sfddm.checkpoint import save_denoiser
    from sfddm.imports.diffusers import read_diffusers

    imported = read_diffusers(source)
    spec = imported.spec
    _check_channels(spec.network.channels, config, source)
    told = {"prediction": spec.prediction, "schedule": spec.schedule, "timesteps": spec.timesteps}
    if imported.assumed:  # what the folder does not say may be set
        set_here = {name: getattr(config.teacher, name) for name in told if name in asked}
        spec, assumed = spec.model_copy(update=set_here), [name for name in told if name not in asked]
    else:
        spec, assumed = _told(spec, told, config, asked, source), []
    _check_size(spec, config, source)
    save_denoiser(_target(to), imported.network, spec)
    unused = f"; about sampling and not used: {', '.join(imported.unused)}" if imported.unused else ""
    size, own = imported.sample_size, config.resolution
    other = f"; made for images of {size}, {config.dataset} has {own}x{own}" if size not in (None, own) else ""
    return f"{imported.origin} ({_summary(spec, imported.precision, 'UNet2DModel', assumed)}{unused}{other})"


def _told(
    spec: "DenoiserSpec", told: dict[str, Any], config: "Config", asked: set[str], source: Path
) -> "DenoiserSpec":
    """Return the specification with what the file says of its training, which nothing that was asked may contradict."""
    for name, value in told.items():
        wanted = getattr(config.teacher, name)
        if name in asked and wanted != value:
            raise InputError(f"--set: teacher.{name}={wanted} given, {source} was trained with {value}")
    return spec.model_copy(update=told)


def _check_size(spec: "DenoiserSpec", config: "Config", source: Path) -> None:
    """Refuse a network that the dataset's images do not go through, before a run is started with it."""
    import torch

    from sfddm.unet2d import check_size

    with torch.device("meta"):
        network = spec.fresh_network(0)
    check_size(network, spec.network.channels, config.resolution, str(source))


def _summary(spec: "DenoiserSpec", precision: str, network: str, assumed: list[str]) -> str:
    said = f"{network}, {spec.schedule} schedule, T = {spec.timesteps}, predicts {spec.prediction}, {precision}"
    return f"{said}; assumed, as it does not say: {', '.join(assumed)}" if assumed else said


def _check_channels(channels: int, config: "Config", source: Path) -> None:
    needed = config.network.channels
    if channels != needed:
        raise InputError(f"{source}: its network has {channels} image channels, {config.dataset} has {needed}")


def _check_file(to: Path) -> None:
    if to.is_dir():
        raise InputError(
            f"--to: '{to}' given, which is a folder; name a file in it, such as {to / 'teacher.safetensors'}"
        )


def _target(to: Path) -> Path:
    from bench.store.files import check_writable

    check_writable(to.absolute().parent, "--to")
    return to
