"""From records to stages to datasets and back: what is missing, and what nothing needs. No torch."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench.datasets.dataset import Images, data_root
from bench.datasets.digits import load_digits
from bench.datasets.held_out import hold_out
from bench.datasets.packed import MANIFEST, check, folder_of, load_packed
from bench.records.record import Record
from bench.store.layout import RunFolder, StageFolder
from bench.store.requests import RequestedSweep
from bench.upkeep.clean import asked_for, closure
from sfddm.errors import InputError


@dataclass(frozen=True)
class Dataset:
    """What records say that they were made of: the sha256 of its pixels, without the share that was held out.

    held_out_sha256: of the pixels that were held out; None if none were, or none is known of.
    """

    name: str
    resolution: int
    sha256: str
    share: float
    held_out_sha256: str | None


def datasets_of(records: Iterable[Record]) -> list[Dataset]:
    """Return what records say that they were made of, each once, whether or not all of them know what was held out."""
    found = dict.fromkeys(map(_dataset, records))
    known = {replace(one, held_out_sha256=None) for one in found if one.held_out_sha256 is not None}
    return [one for one in found if one not in known]


def _dataset(record: Record) -> Dataset:
    share = record.config.get("data", {}).get("held_out", 0.0)
    apart = record.protocol.held_out_sha256 if record.protocol else None
    return Dataset(record.dataset, record.resolution, record.dataset_sha256, share, apart)


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
    name, resolution = dataset.name, dataset.resolution
    if name == "digits":
        return _unlike(dataset, load_digits(resolution, None), name)
    folder = folder_of(data_root(root), name, resolution)
    if not (folder / MANIFEST).exists():
        return None
    return check(folder) or _unlike(dataset, load_packed(data_root(root), name, resolution), str(folder / MANIFEST))


def _unlike(dataset: Dataset, images: Images, place: str) -> list[str]:
    """Return a line for each part of a dataset that is not what records say."""
    try:
        images = hold_out(images, dataset.share)
    except InputError as error:
        return [f"{place}: {error}"]
    found = [("pixels", images.sha256, dataset.sha256)]
    if dataset.held_out_sha256 is not None:
        apart = images.held_out.sha256 if images.held_out else "none"
        found.append(("held-out pixels", apart, dataset.held_out_sha256))
    return [
        f"{place}: its {what} have sha256 {own[:12]}, records say {said[:12]}"
        for what, own, said in found
        if own != said
    ]
