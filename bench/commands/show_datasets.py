"""The `datasets` commands."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.datasets.catalogue import CATALOGUE
from bench.datasets.location import data_root
from bench.datasets.packed import MANIFEST, folder_of, prepared
from bench.datasets.prepare import prepare
from bench.datasets.preprocessing import describe
from bench.datasets.registry import definition_name, names
from bench.store.progress import Display

DIGITS = "the 1,797 handwritten digits of scikit-learn, 8x8"


def list_datasets(root: Path | None) -> None:
    """Print every dataset with what is prepared of it."""
    there = prepared(data_root(root))
    table = Table(title=f"datasets; prepared ones are in {data_root(root)}")
    for name in ("name", "what", "prepared"):
        table.add_column(name)
    for name in names(root):
        found = [manifest for manifest in there if manifest.name == name]
        definition = CATALOGUE.get(found[0].dataset if found else name)
        summary = definition.summary if definition else DIGITS if name == "digits" else ""
        if definition and definition.name != name:
            summary = f"prepared as {definition.name} from {found[0].source_name}"
        sizes = ", ".join(f"{manifest.resolution}: {manifest.count:,}" for manifest in found)
        table.add_row(name, summary, "built in" if name == "digits" else sizes or "-")
    Console(width=None if Console().is_terminal else 140).print(table)


def show_dataset(name: str, root: Path | None) -> None:
    """Print what a dataset is and each of its manifests."""
    base = definition_name(name, root)
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
    for manifest in prepared(data_root(root)):
        if manifest.name == name:
            print(f"\n{folder_of(data_root(root), name, manifest.resolution) / MANIFEST}")
            print(manifest.model_dump_json(indent=1))


def prepare_dataset(name: str, source: Path | None, resolution: int | None, limit: int | None, label: str | None,
                    preprocessing: str | None, everything: bool, root: Path | None) -> None:  # fmt: skip
    """Prepare a dataset with a progress display and print where it is."""
    with Display() as display, display.waiting(f"preparing {label or name}", "images") as update:
        folder = prepare(name, source, data_root(root), resolution, limit, label, preprocessing, everything, update)
    print(folder)
