"""The command line: it parses, calls and prints; torch is imported only by the commands that compute."""

import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from sfddm.errors import InputError

EXIT_BAD_INPUT = 2
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

# Click's UsageError, from wherever Typer has it: recent versions carry a Click of their own.
UsageError: Any = typer.BadParameter.__mro__[1]

DataRoot = Annotated[Path | None, typer.Option("--data-root", help="Where prepared datasets are (else $SFDDM_DATA).")]
Resolution = Annotated[int | None, typer.Option(help="Pixels a side (default: the dataset's).")]

app = typer.Typer(
    help="Measure whether step distillation of a diffusion model works: SFDDM against its baselines.",
    epilog="Example: sfddm-bench run --dataset digits --steps 1,4,16",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def main_options() -> None:
    """Keep `run` a command by its name."""


def comma_list(option: str, text: str) -> list[str]:
    """Return the parts of a comma-separated option, in order and without repeats."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise InputError(f"{option}: '{text}' given, a comma-separated list is possible, such as 1,4,16")
    return list(dict.fromkeys(parts))


def integers(option: str, text: str, least: int) -> list[int]:
    """Return a comma-separated option of whole numbers, each at least `least`."""
    for part in comma_list(option, text):
        if not part.lstrip("-").isdecimal() or int(part) < least:
            raise InputError(f"{option}: '{part}' given, whole numbers from {least} up are possible, such as 1,4,16")
    return [int(part) for part in comma_list(option, text)]


@app.command(epilog="Examples: sfddm-bench run | sfddm-bench run --dataset digits --steps 1,4 --scale smoke | "
             "sfddm-bench run --dataset lsun_church --steps 1,10,100 | "
             "sfddm-bench run --methods ddim --steps 1,10,100 --set ddim.clip=none")  # fmt: skip
def run(
    dataset: Annotated[
        str,
        typer.Option(help="digits, cifar10, celeba_hq, lsun_church, lsun_bedroom, folder, or one prepared by a name."),
    ] = "digits",
    resolution: Resolution = None,
    steps: Annotated[str | None, typer.Option(help="Step counts, such as 1,4,16 (default: the dataset's).")] = None,
    methods: Annotated[
        str | None, typer.Option(help="Methods by name, such as sfddm,ddim (default: the dataset's).")
    ] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, such as 0,1,2: of teacher, students and latents.")] = "0",
    scale: Annotated[
        str | None, typer.Option(help="Amount of work: smoke, quick or paper (default: the dataset's).")
    ] = None,
    images: Annotated[int | None, typer.Option(help="Images to sample per cell (default: the scale's).")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Override a setting, such as teacher.iterations=2000.")
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(help="Network evaluations in training, the same for every trained method (backward counts 2)."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    out: Annotated[Path, typer.Option(help="Where stages, records, tables and plots go.")] = Path("runs"),
    data_root: DataRoot = None,
    inception_weights: Annotated[
        Path | None, typer.Option(help="The Inception-2015 file (else the cache folder's, else downloaded).")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print every stage and cell, compute nothing.")] = False,
) -> None:
    """Train a teacher, distil students, sample, evaluate, and write records, tables, plots and sample grids."""
    wanted_steps = None if steps is None else integers("--steps", steps, 1)
    wanted_seeds = integers("--seeds", seeds, 0)
    if images is not None and images < 1:
        raise InputError(f"--images: {images} given, a whole number from 1 up is possible")

    if budget is not None and budget < 1:
        raise InputError(f"--budget: {budget} given, a whole number from 1 up is possible")

    from bench.command_run import run_command

    run_command(dataset, resolution, wanted_steps, comma_list("--methods", methods) if methods else None, wanted_seeds, scale,
                images, budget, assignments or [], device, out, data_root, inception_weights, dry_run)  # fmt: skip


teacher_app = typer.Typer(help="Bring in a teacher trained elsewhere, or take one out.", no_args_is_help=True)
app.add_typer(teacher_app, name="teacher")


@teacher_app.command("import", epilog="Example: sfddm-bench teacher import diffusion_Cifar10_32x32_1024_pnoise_epoch_50.pth "
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
    from bench.command_teacher import import_teacher

    import_teacher(source, form, dataset, resolution, to, assignments or [])


@teacher_app.command(
    "export", epilog="Example: sfddm-bench teacher export teacher.safetensors --dataset digits --seed 0"
)
def teacher_export(
    to: Annotated[Path, typer.Argument(help="The safetensors file to write.")],
    dataset: Annotated[str, typer.Option(help="The dataset of the run.")] = "digits",
    resolution: Resolution = None,
    scale: Annotated[str | None, typer.Option(help="The scale of the run.")] = None,
    seed: Annotated[int, typer.Option(help="The seed of the run.")] = 0,
    assignments: Annotated[list[str] | None, typer.Option("--set", help="The settings of the run.")] = None,
    out: Annotated[Path, typer.Option(help="Where the run went.")] = Path("runs"),
    data_root: DataRoot = None,
) -> None:
    """Write the teacher of a finished run as safetensors, with its configuration in the metadata."""
    from bench.command_teacher import export_teacher

    export_teacher(to, dataset, resolution, scale, seed, assignments or [], out, data_root)


datasets_app = typer.Typer(help="See, and prepare, the datasets.", no_args_is_help=True)
app.add_typer(datasets_app, name="datasets")


@datasets_app.command("list", epilog="Example: sfddm-bench datasets list")
def datasets_list(data_root: DataRoot = None) -> None:
    """List the datasets and which are prepared."""
    from bench.command_datasets import list_datasets

    list_datasets(data_root)


@datasets_app.command("info", epilog="Example: sfddm-bench datasets info lsun_church")
def datasets_info(
    name: Annotated[str, typer.Argument(help="A dataset's name.", metavar="NAME")], data_root: DataRoot = None
) -> None:
    """Say what a dataset is, where to get it, and how it was prepared."""
    from bench.command_datasets import show_dataset

    show_dataset(name, data_root)


@datasets_app.command("prepare", epilog="Examples: sfddm-bench datasets prepare lsun_church --from church_outdoor_train_lmdb "
                      "--resolution 64 | sfddm-bench datasets prepare cifar10 --from jpegs.zip --name cifar10-jpeg")  # fmt: skip
def datasets_prepare(
    name: Annotated[str, typer.Argument(help="A dataset's name.", metavar="NAME")],
    source: Annotated[Path | None, typer.Option("--from", help="A folder, zip, LMDB or CIFAR-10 tarball.")] = None,
    resolution: Resolution = None,
    limit: Annotated[str | None, typer.Option(help="At most so many images from the start, or all.")] = None,
    label: Annotated[
        str | None, typer.Option("--name", help="Keep it under a name of its own, such as cifar10-jpeg.")
    ] = None,
    preprocessing: Annotated[
        str | None, typer.Option(help="Another rule than the dataset's, such as square-lanczos.")
    ] = None,
    data_root: DataRoot = None,
) -> None:
    """Turn a dataset, from the form you have it in, into one packed array; an interrupted preparation goes on."""
    everything = limit == "all"
    count = None if limit is None or everything else integers("--limit", limit, 1)[0]

    from bench.command_datasets import prepare_dataset

    prepare_dataset(name, source, resolution, count, label, preprocessing, everything, data_root)


def terminate(*_: Any) -> None:
    """Treat SIGTERM as Ctrl-C."""
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line; every error is one line on stderr and an exit code, never a traceback."""
    signal.signal(signal.SIGTERM, terminate)
    try:
        code = app(standalone_mode=False)
    except InputError as error:
        sys.exit(complain(str(error), EXIT_BAD_INPUT))
    except UsageError as error:
        sys.exit(complain(error.format_message(), EXIT_BAD_INPUT))
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    if code == EXIT_INTERRUPTED:  # some versions of Typer turn Ctrl-C into this exit code themselves
        sys.exit(complain("interrupted; what is done is kept, the same command goes on from there", EXIT_INTERRUPTED))
    sys.exit(code if isinstance(code, int) else 0)


def complain(message: str, code: int) -> int:
    """Print one line on stderr and return the exit code."""
    print(f"sfddm-bench: {' '.join(message.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
