"""`sfddm-bench teacher`: teachers from elsewhere, and out of a run."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import RUNS, DataRoot, Out, Resolution

app = typer.Typer(help="Bring in a teacher trained elsewhere, or take one out.", no_args_is_help=True)


@app.command("import", epilog="Example: sfddm-bench teacher import diffusion_Cifar10_32x32_1024_pnoise_epoch_50.pth "
                     "--format lucidrains --dataset cifar10 --to teacher.safetensors")  # fmt: skip
def teacher_import(
    source: Annotated[Path, typer.Argument(help="A state dict file (lucidrains) or a UNet2DModel folder (diffusers).")],
    form: Annotated[str, typer.Option("--format", help="lucidrains (denoising-diffusion-pytorch) or diffusers.")],
    dataset: Annotated[str, typer.Option(help="The dataset whose preset the teacher is for.")],
    resolution: Resolution = None,
    to: Annotated[Path, typer.Option(help="The file to write.")] = Path("teacher.safetensors"),
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Override a setting, such as teacher.schedule.")
    ] = None,
) -> None:
    """Write a teacher trained elsewhere as a file that `run --set teacher.weights=FILE` takes."""
    from bench.commands.teachers import import_teacher

    import_teacher(source, form, dataset, resolution, to, assignments or [])


@app.command("export", epilog="Example: sfddm-bench teacher export teacher.safetensors --dataset digits --seed 0")
def teacher_export(
    to: Annotated[Path, typer.Argument(help="The safetensors file to write.")],
    dataset: Annotated[str, typer.Option(help="The dataset of the run.")] = "digits",
    resolution: Resolution = None,
    scale: Annotated[str | None, typer.Option(help="The scale of the run.")] = None,
    seed: Annotated[int, typer.Option(help="The seed of the run.")] = 0,
    assignments: Annotated[list[str] | None, typer.Option("--set", help="The settings of the run.")] = None,
    out: Out = RUNS,
    data_root: DataRoot = None,
) -> None:
    """Write the teacher of a finished run as safetensors, with its configuration in the metadata."""
    from bench.commands.teachers import export_teacher

    export_teacher(to, dataset, resolution, scale, seed, assignments or [], out, data_root)
