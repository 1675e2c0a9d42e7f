"""`sfddm-bench run`: the main job."""

from typing import Annotated

import typer

from bench.commands.checks import check_executor
from bench.commands.options import (
    RUNS,
    Address,
    DataRoot,
    Device,
    DryRun,
    Executor,
    InceptionWeights,
    Out,
    Resolution,
    comma_list,
    integers,
)
from bench.metrics import METRICS
from sfddm.errors import InputError

EXAMPLES = (
    "Examples: sfddm-bench run | sfddm-bench run --dataset digits --steps 1,4 --scale smoke | "
    "sfddm-bench run --dataset lsun_church --steps 1,10,100 | "
    "sfddm-bench run --methods ddim --steps 1,10,100 --set ddim.clip=none | "
    "sfddm-bench run --seeds 0,1,2 --executor ray | "
    "torchrun --nproc-per-node=8 --no-python sfddm-bench run --dataset cifar10 --steps 4 | "
    "sfddm-bench run --methods 'sfddm,sfddm\\[init=teacher,time_input=phi]'"
)


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
    metrics: Annotated[
        str, typer.Option(help="What to measure of each cell: quality, consistency, interpolation.")
    ] = ",".join(METRICS),
    images: Annotated[int | None, typer.Option(help="Images to sample per cell (default: the scale's).")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Override a setting, such as teacher.iterations=2000.")
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(help="Network evaluations in training, the same for every trained method (backward counts 2)."),
    ] = None,
    device: Device = "auto",
    out: Out = RUNS,
    data_root: DataRoot = None,
    inception_weights: InceptionWeights = None,
    force: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STAGE", help="Compute stages again, and all that needs them: a kind (teacher, fold) or kind-key."
        ),
    ] = None,
    executor: Executor = "local",
    address: Address = None,
    dry_run: DryRun = False,
) -> None:
    """Train a teacher, distil students, sample, evaluate, and write records, tables, plots and sample grids."""
    wanted_steps = None if steps is None else integers("--steps", steps, 1)
    wanted_seeds = integers("--seeds", seeds, 0)
    if images is not None and images < 1:
        raise InputError(f"--images: {images} given, a whole number from 1 up is possible")

    if budget is not None and budget < 1:
        raise InputError(f"--budget: {budget} given, a whole number from 1 up is possible")

    check_executor(executor, address, device)

    from bench.run.session import Place, run_command

    place = Place(device, out, data_root, inception_weights, dry_run, tuple(force or []), executor, address)
    run_command(dataset, resolution, wanted_steps, comma_list("--methods", methods) if methods else None, wanted_seeds, scale,
                images, budget, assignments or [], comma_list("--metrics", metrics), place)  # fmt: skip
