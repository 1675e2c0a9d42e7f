"""From records to stages to datasets and back: what is missing, and what nothing needs. No torch."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.datasets.dataset import data_root, pixels_sha256
from bench.datasets.digits import load_digits
from bench.datasets.packed import MANIFEST, check, folder_of, read_manifest
from bench.records.record import Record
from bench.store.layout import RunFolder, StageFolder
from bench.store.requests import RequestedSweep
from bench.upkeep.clean import asked_for, closure

Dataset = tuple[str, int, str]  # name, resolution, sha256 of the pixels


def unneeded(run: RunFolder, records: Iterable[Record], sweeps: Iterable[RequestedSweep]) -> list[StageFolder]:
    """Return the stages that no record and no sweep names, and that no stage which one names was made from."""
    there = run.stages_by_key()
    named = {key for record in records for key in record.parents.values()} | asked_for(sweeps)
    needed = closure(named, there)
    return [folder for key, folder in there.items() if key not in needed]


def missing_parents(there: dict[str, StageFolder]) -> Iterator[tuple[StageFolder, str]]:
    """Yield each stage with the key of a parent that is not here."""
    for folder in there.values():
        yield from ((folder, key) for key in folder.parents if key not in there)


def dataset_faults(dataset: Dataset, root: Path | None) -> list[str] | None:
    """Return what is wrong with a dataset that records name, one line each; None if it is not here.

    Its pixels and labels are read again, whatever was found of them before.
    """
    name, resolution, sha256 = dataset
    if name == "digits":
        found = pixels_sha256(load_digits(resolution, None).pixels)
        return [] if found == sha256 else [f"{name}: its pixels have sha256 {found[:12]}, records say {sha256[:12]}"]
    folder = folder_of(data_root(root), name, resolution)
    if not (folder / MANIFEST).exists():
        return None
    faults = check(folder)
    if not faults and (found := read_manifest(folder).sha256) != sha256:
        faults = [f"{folder / MANIFEST}: its sha256 is {found[:12]}, records say {sha256[:12]}"]
    return faults
