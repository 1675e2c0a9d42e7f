"""A record's fields once more, from the artefacts of the stages that it says it was made from. No torch."""

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bench.config.variants import base_name
from bench.records.measured import (
    CONSISTENCY,
    COST,
    INTERPOLATION,
    JUDGING,
    QUALITY,
    read_consistency,
    read_cost,
    read_interpolation,
    read_quality,
    read_training_cost,
)
from bench.records.record import REAL, SECTIONS, Record
from bench.store.files import flat, read_object
from bench.store.layout import DONE, SETTINGS, StageFolder

SUM_TOLERANCE = 1e-12  # relative: of seconds that are added in another order; what is copied is equal to the bit
OF_METRICS = ("splits", "kid_subsets", "kid_subset", "neighbours", "seed")  # settings that the stage shares
# What a stage's settings have beside those of sampling.
NOT_SAMPLING = ("method", "steps", "timesteps", "seed", "images", "precision")
# What a damaged artefact raises; it has been named already, by the hash of its stage.
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)

Values = dict[str, Any]


@dataclass
class Rebuilt:
    """What stages say, by a record's dotted names, each with the file that says it; why a number is missing, too.

    folders: those of the record's parents that are here and done, by kind. missing: the labels of those that are not.
    """

    folders: dict[str, list[StageFolder]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    values: dict[str, tuple[Any, str]] = field(default_factory=dict)
    reasons: dict[str, tuple[str, str]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)  # the sections that are rebuilt in full

    def take(self, folder: StageFolder, file: str, values: Values, reasons: dict[str, str] | None = None) -> None:
        """Keep what a file of a stage says."""
        source = f"{folder.path.name}/{file}"
        self.values |= {name: (value, source) for name, value in flat(values).items()}
        self.reasons |= {name: (why, source) for name, why in (reasons or {}).items()}

    def differences(self, record: Record) -> Iterator[str]:
        """Yield `name is this, stage/file says that` for each field of a record that its stages say otherwise."""
        own = flat({name: value or {} if name in SECTIONS else value for name, value in record.model_dump().items()})
        for name, (expected, source) in self.values.items():
            if not _same(own.get(name), expected):
                yield f"{name} is {own.get(name)}, {source} says {expected}"
        for name, value in own.items():
            section = name.partition(".")[0]
            if section in self.whole and name not in self.values and value not in (None, {}):
                yield f"{name} is {value}, none of its stages says so"
        for name, (why, source) in self.reasons.items():
            if record.reasons.get(name) != why:
                yield f"the reason for {name} is {record.reasons.get(name)}, {source} says {why}"


def rebuilt(record: Record, parents: dict[str, str], stages: dict[str, StageFolder]) -> Rebuilt:
    """Return what stages say of a record; parents: keys of its stages by label; stages: those that are here, by key."""
    found = Rebuilt()
    for label, key in parents.items():
        folder = stages.get(key)
        if folder is None or not folder.is_done:
            found.missing.append(label)
        else:
            found.folders.setdefault(folder.kind, []).append(folder)
            _try(_stage, found, record, label, folder)
    for read in (_of_method, _training):
        _try(read, found, record)
    for kind, reader in READERS.items():
        for folder in found.folders.get(kind, []):
            _try(reader, found, record, folder)
    if record.failure is None and not found.missing and found.folders:
        found.whole = set(SECTIONS)
    return found


def _try(read: Callable[..., None], *given: Any) -> None:
    with suppress(*UNREADABLE):
        read(*given)


def _stage(found: Rebuilt, record: Record, label: str, folder: StageFolder) -> None:
    """Take a stage's seconds, and what its settings share with a record's."""
    found.values[f"durations.{label}"] = (folder.marker()["seconds"], f"{folder.path.name}/{DONE}")
    settings = folder.settings["settings"]
    shared: Values = {}
    if "sha256" in settings and "preprocessing" in settings:
        shared |= {"dataset_sha256": settings["sha256"], "preprocessing": settings["preprocessing"]}
        shared |= {"dataset": settings["dataset"]}
    if folder.kind in ("fold", "teacher") and "seed" in settings:
        shared |= {"seed": settings["seed"]}
    if folder.kind == "teacher" and "train" in settings:
        shared |= {"config": {"teacher": settings["train"], "network": settings["spec"]["network"]}}
    if folder.kind in JUDGING:
        shared |= {"config": {"evaluation": {name: settings[name] for name in OF_METRICS}}}
    if folder.kind == "floor":
        shared |= {"seed": settings["halves"]}
    found.take(folder, SETTINGS, shared)


def _of_method(found: Rebuilt, record: Record) -> None:
    """Take what the images' stage declares and cost. A variant's stages name its method only."""
    for folder in found.folders.get("samples", []):
        settings, cost = folder.settings["settings"], read_object(folder.path / COST)
        if base_name(record.method) != settings["method"]:
            found.take(folder, SETTINGS, {"method": settings["method"]})
        sampling = {name: value for name, value in settings.items() if name not in NOT_SAMPLING}
        declared = {name: settings[name] for name in ("steps", "timesteps", "seed")} | {"sampling": sampling}
        declared["config"] = {"evaluation": {"images": settings["images"]}}
        found.take(folder, SETTINGS, declared)
        paid = {name: cost[name] for name in ("wall_seconds", "images_per_second")}
        found.take(folder, COST, {"nfe": cost["nfe"], "sampling_cost": paid})


def _training(found: Rebuilt, record: Record) -> None:
    """Take what the models cost: the sums over the folds, and the teacher's beside them."""
    if record.method == REAL or found.missing or not found.folders.get("teacher"):
        return
    (folder,) = found.folders["teacher"]
    folds = found.folders.get("fold", [])
    cost, _ = read_training_cost(folder.path, [fold.path for fold in folds])
    of_teacher = {"teacher_seconds", "teacher_evaluations"}
    found.take(folder, COST, {"training_cost": cost.model_dump(include=of_teacher)})
    found.take([folder, *folds][-1], COST, {"training_cost": cost.model_dump(exclude=of_teacher)})


def _quality(found: Rebuilt, record: Record, folder: StageFolder) -> None:
    quality, protocol, reasons = read_quality(folder.path, record.feature_space)
    found.take(folder, QUALITY, {"quality": quality.model_dump(), "protocol": protocol.model_dump()}, reasons)


def _consistency(found: Rebuilt, record: Record, folder: StageFolder) -> None:
    measured, reasons = read_consistency(folder.path)
    found.take(folder, CONSISTENCY, {"consistency": measured.model_dump()}, reasons)


def _interpolation(found: Rebuilt, record: Record, folder: StageFolder) -> None:
    measured, reasons = read_interpolation(folder.path)
    found.take(folder, INTERPOLATION, {"interpolation": measured.model_dump()}, reasons)


def _cost(found: Rebuilt, record: Record, folder: StageFolder) -> None:
    """Take what sampling costs, and on which machine it was measured."""
    measured, execution, reasons = read_cost(folder.path)
    nfe = read_object(folder.path / COST)["nfe"]
    found.take(folder, COST, {"sampling_cost": measured, "machine": execution, "nfe": nfe}, reasons)
    machine = folder.settings["settings"]["machine"]
    found.take(folder, SETTINGS, {"machine": machine})


READERS: dict[str, Callable[[Rebuilt, Record, StageFolder], None]] = {
    **dict.fromkeys(JUDGING, _quality),
    "consistency": _consistency,
    "interpolation": _interpolation,
    "cost": _cost,
}


def _same(own: Any, expected: Any) -> bool:
    """Tell whether two values are equal; tuples are lists, for a record was written as JSON."""
    if isinstance(own, float) and isinstance(expected, float):
        return math.isclose(own, expected, rel_tol=SUM_TOLERANCE, abs_tol=0.0)
    if isinstance(own, list | tuple) and isinstance(expected, list | tuple):
        return list(own) == list(expected)
    return bool(own == expected)
