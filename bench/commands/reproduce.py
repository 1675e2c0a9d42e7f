"""`sfddm-bench reproduce`: the paper's experiments, by name."""

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
    comma_list,
    integers,
)
from sfddm.errors import InputError

EXAMPLES = (
    "Examples: sfddm-bench reproduce --list | sfddm-bench reproduce any-steps | "
    "sfddm-bench reproduce quality --dataset digits,cifar10 --scale quick --seeds 0,1,2 | "
    "sfddm-bench reproduce my_experiment.toml --dry-run"
)


def reproduce(
    name: Annotated[
        str | None, typer.Argument(help="An experiment's name, or a TOML file of your own.", metavar="NAME")
    ] = None,
    listing: Annotated[
        bool, typer.Option("--list", help="Say what each experiment is, its cells, and its cost at each scale.")
    ] = False,
    dataset: Annotated[
        str | None, typer.Option(help="Datasets, such as digits,cifar10 (default: the experiment's that are there).")
    ] = None,
    scale: Annotated[
        str | None, typer.Option(help="Amount of work: smoke, quick or paper (default: the dataset's).")
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds, such as 0,1,2 (default: the experiment's).")] = None,
    device: Device = "auto",
    out: Out = RUNS,
    data_root: DataRoot = None,
    inception_weights: InceptionWeights = None,
    executor: Executor = "local",
    address: Address = None,
    dry_run: DryRun = False,
) -> None:
    """Run a named experiment of the paper, and render it under OUT/experiments/NAME."""
    datasets = None if dataset is None else comma_list("--dataset", dataset)
    wanted_seeds = None if seeds is None else integers("--seeds", seeds, 0)
    if (name is None) != listing:
        raise InputError("NAME: one experiment's name, or --list, is needed: sfddm-bench reproduce --list names them")

    check_executor(executor, address, device)

    from bench.run.reproduce import list_command, reproduce_command
    from bench.run.session import Place

    place = Place(device, out, data_root, inception_weights, dry_run, executor=executor, address=address)
    if name is None:
        list_command(datasets, place)
    else:
        reproduce_command(name, datasets, scale, wanted_seeds, place)
