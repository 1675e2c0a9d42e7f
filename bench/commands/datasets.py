"""`sfddm-bench datasets`: see and prepare the datasets."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.examples import shown
from bench.commands.listing import print_list
from bench.commands.options import DataRoot, Resolution
from sfddm.errors import InputError

MOST_DIGITS = 18  # of a count
DIGITS = "the 1,797 handwritten digits of scikit-learn, 8x8"

LIST_EXAMPLES = "sfddm-bench datasets list"
INFO_EXAMPLES = "sfddm-bench datasets info lsun_church"
PREPARE_EXAMPLES = """
sfddm-bench datasets prepare lsun_church --from church_outdoor_train_lmdb
sfddm-bench datasets prepare folder --from my_images --resolution 32
sfddm-bench datasets prepare cifar10 --from a.zip --test b.zip --name mine
"""

app = typer.Typer(help="See, and prepare, the datasets.", no_args_is_help=True)


@app.command("list", epilog=shown(LIST_EXAMPLES))
def datasets_list(data_root: DataRoot = None) -> None:
    """List the datasets and which are prepared."""
    from bench.datasets.catalogue import CATALOGUE
    from bench.datasets.dataset import data_root as root_of
    from bench.datasets.packed import survey
    from bench.datasets.registry import names
    from bench.store.text import to_stderr

    there, faults = survey(root_of(data_root))
    rows = []
    for name in names(data_root):
        found = [manifest for manifest in there if manifest.name == name]
        definition = CATALOGUE.get(found[0].dataset if found else name)
        summary = definition.summary if definition else DIGITS if name == "digits" else ""
        if definition and definition.name != name:
            summary = f"prepared as {definition.name} from {found[0].source_name}"
        sizes = ", ".join(f"{manifest.resolution}: {manifest.count:,}" for manifest in found)
        rows.append((name, summary, "built in" if name == "digits" else sizes or "-"))
    print_list(f"datasets; prepared ones are in {root_of(data_root)}", ("name", "what", "prepared"), rows)
    for fault in faults.values():
        to_stderr(f"sfddm-bench: {fault}")


@app.command("info", epilog=shown(INFO_EXAMPLES))
def datasets_info(
    name: Annotated[str, typer.Argument(help="A dataset's name.", metavar="NAME")], data_root: DataRoot = None
) -> None:
    """Say what a dataset is, where to get it, and how it was prepared."""
    from bench.datasets.catalogue import CATALOGUE
    from bench.datasets.dataset import data_root as root_of
    from bench.datasets.packed import MANIFEST, folder_of, survey
    from bench.datasets.preprocessing import describe
    from bench.datasets.registry import definition_name
    from bench.store.text import to_stderr

    base = definition_name(name, data_root)
    if base in CATALOGUE:
        definition = CATALOGUE[base]
        print(f"{name}: {definition.summary}")
        print(f"resolutions: {', '.join(map(str, definition.resolutions)) or 'any'}")
        print(f"preprocessing: {definition.preprocessing}: {describe(definition.preprocessing)}")
        if definition.page:
            print(f"from: {definition.page}")
        print(f"prepare it with: sfddm-bench datasets prepare {base} {definition.example}")
    else:
        print(f"{name}: built in, nothing to prepare")
    there, faults = survey(root_of(data_root))
    for fault in [fault for folder, fault in faults.items() if folder.parent.name == name]:
        to_stderr(f"sfddm-bench: {fault}")
    for manifest in there:
        if manifest.name == name:
            print(f"\n{folder_of(root_of(data_root), name, manifest.resolution) / MANIFEST}")
            print(manifest.model_dump_json(indent=1))


@app.command("prepare", epilog=shown(PREPARE_EXAMPLES))
def datasets_prepare(
    name: Annotated[str, typer.Argument(help="A dataset's name.", metavar="NAME")],
    source: Annotated[str | None, typer.Option("--from", help="A folder, zip, LMDB or CIFAR-10 tarball.")] = None,
    resolution: Resolution = None,
    limit: Annotated[str | None, typer.Option(help="At most so many images from the start, or all.")] = None,
    label: Annotated[
        str | None, typer.Option("--name", help="Keep it under a name of its own, such as cifar10-jpeg.")
    ] = None,
    preprocessing: Annotated[
        str | None, typer.Option(help="Another rule than the dataset's, such as square-lanczos.")
    ] = None,
    test: Annotated[
        str | None, typer.Option(help="Where the images to hold out are, if not beside those to train on.")
    ] = None,
    data_root: DataRoot = None,
) -> None:
    """Turn a dataset, from the form you have it in, into one packed array; an interrupted preparation resumes."""
    count = None if limit is None or limit == "all" else whole_number("--limit", limit)
    if source is not None and not source.strip():
        raise InputError("--from: '' given, possible: a folder, zip, LMDB or CIFAR-10 tarball")
    if test is not None and not test.strip():
        raise InputError("--test: '' given, possible: a folder, zip, LMDB or CIFAR-10 tarball")

    from bench.datasets.dataset import data_root as root_of
    from bench.datasets.packed import read_manifest
    from bench.datasets.prepare import counts, prepare
    from bench.store.progress import Display

    root = root_of(data_root)
    with Display() as display, display.waiting(f"preparing {label or name}", "images") as update:
        path = None if source is None else Path(source)
        apart = None if test is None else Path(test)
        folder = prepare(name, path, root, resolution, count, label, preprocessing, limit == "all", update, apart)
    print(folder)
    print("\n".join(counts(read_manifest(folder))))


def whole_number(option: str, text: str) -> int:
    """Return a number from 1 up. Raises InputError; a number of thousands of digits is one of no images."""
    if not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS and int(text)):
        raise InputError(f"{option}: '{text[:40]}' given, possible: a whole number from 1 up, or all")
    return int(text)
