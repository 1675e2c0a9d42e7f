"""`sfddm-bench datasets`: see and prepare the datasets."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import DataRoot, Resolution, integers

app = typer.Typer(help="See, and prepare, the datasets.", no_args_is_help=True)


@app.command("list", epilog="Example: sfddm-bench datasets list")
def datasets_list(data_root: DataRoot = None) -> None:
    """List the datasets and which are prepared."""
    from bench.commands.show_datasets import list_datasets

    list_datasets(data_root)


@app.command("info", epilog="Example: sfddm-bench datasets info lsun_church")
def datasets_info(
    name: Annotated[str, typer.Argument(help="A dataset's name.", metavar="NAME")], data_root: DataRoot = None
) -> None:
    """Say what a dataset is, where to get it, and how it was prepared."""
    from bench.commands.show_datasets import show_dataset

    show_dataset(name, data_root)


@app.command("prepare", epilog="Examples: sfddm-bench datasets prepare lsun_church --from church_outdoor_train_lmdb "
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

    from bench.commands.show_datasets import prepare_dataset

    prepare_dataset(name, source, resolution, count, label, preprocessing, everything, data_root)
