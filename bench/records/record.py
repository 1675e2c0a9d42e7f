"""Records: one JSON file per cell, the only thing tables, plots and reports are made from. No torch here."""

import hashlib
import itertools
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, ValidationInfo

from bench.config.counts import short
from bench.config.numbers import Count, NonNegative, PositiveCount, Side
from bench.config.variants import base_name
from bench.metrics.consistency import Consistency
from bench.metrics.distance import distance_name, is_fid
from bench.metrics.interpolation import Interpolation
from bench.metrics.protocol import Protocol
from bench.metrics.quality import Quality
from bench.metrics.sampling_cost import SamplingCost
from bench.metrics.shown import Section, models_of
from bench.metrics.training_cost import TrainingCost
from bench.records.migrations import SCHEMA, migrated
from bench.store.files import parse_json, read_object, read_text, write_bytes, write_json
from bench.store.layout import RunFolder, record_paths
from bench.store.lock import Locks
from bench.store.names import check_name
from bench.store.seal import INTEGRITY, fingerprint, sealed
from bench.store.text import check_shown, to_stderr
from sfddm.errors import InputError, first_fault

LONGEST_NAME = 80  # characters of a method's name in a file name; a variant's can be any length
REAL = "real data"  # the method name of the floor: one half of the data against the other


PictureName = Annotated[str, StringConstraints(pattern=r"^[\w=-][\w.=-]*\.png$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def _path_part(name: str, info: ValidationInfo) -> str:
    return check_name(str(info.field_name), name)


def _shown_name(name: str, info: ValidationInfo) -> str:
    return check_shown(str(info.field_name), name)


def _method_name(name: str, info: ValidationInfo) -> str:
    base_name(_shown_name(name, info))
    return name


PathPart = Annotated[str, AfterValidator(_path_part)]
ShownName = Annotated[str, AfterValidator(_shown_name)]
MethodName = Annotated[str, AfterValidator(_method_name)]


class Record(Section):
    """One cell: a method at a step count under a seed and a budget, with what was measured and all that decided it.

    What was measured stands in sections, each None if it was not measured, with the reason in `reasons` under its name;
    a number in a section that is None has its reason under its dotted name. A failed cell has `failure`, the one line
    that says why, and no measurements. Bytes, seconds and images per second as named.
    """

    schema_version: int = SCHEMA
    key: ShownName
    failure: str | None = None

    # What was run.
    dataset: PathPart
    dataset_sha256: str
    preprocessing: str
    resolution: Side
    method: MethodName
    steps: PositiveCount | None
    nfe: PositiveCount | None = None  # network evaluations per image, counted
    grid: str | None = None
    timesteps: list[Count] | None = None  # the teacher's indices that the sampler visits, increasing
    sampling: dict[str, Any] = Field(default_factory=dict)  # sampler, eta, clip rule
    seed: Count
    budget: PositiveCount | None = None  # network evaluations that the training may make, if that is what it ends by
    share: NonNegative | None = None  # images that the student is trained on, over its teacher's; None: not trained
    init: ShownName | None = None  # what the student begins with: random, teacher, or that with a new head
    scale: PathPart

    # What was measured; quality under a protocol.
    protocol: Protocol | None = None
    feature_space: ShownName
    quality: Quality | None = None
    consistency: Consistency | None = None
    interpolation: Interpolation | None = None
    sampling_cost: SamplingCost | None = None
    training_cost: TrainingCost | None = None
    reasons: dict[str, str] = Field(default_factory=dict)

    # Provenance. parents: the keys of the cell's stages by label; durations: their seconds; pictures: the sha256 of
    # those beside the record by file name, none in records of versions that did not seal them.
    config: dict[str, Any]
    versions: dict[str, str]
    packages: Sha256 | None = None  # of the list of all that was installed; None in records of versions without it
    machine: dict[str, Any]
    git: dict[str, Any]
    command: list[str] = Field(default_factory=list)
    parents: dict[str, str] = Field(default_factory=dict)
    durations: dict[str, NonNegative] = Field(default_factory=dict)
    pictures: dict[PictureName, Sha256] = Field(default_factory=dict)

    @property
    def is_fid(self) -> bool:
        """Whether the feature space is Inception-2015, so that its distance is called FID."""
        return is_fid(self.feature_space)

    @property
    def distance_name(self) -> str:
        """What the distance is called: FID, or FD with its feature space."""
        return distance_name(self.feature_space)

    @property
    def distance(self) -> float | None:
        """The distance; None if there is none: a failed cell, or quality was not asked for."""
        measured = self.quality and self.quality.distance
        return measured.value if measured else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The distance's 95 % interval from its own images; None if there is none."""
        measured = self.quality and self.quality.distance
        if not measured or measured.low is None or measured.high is None:
            return None
        return measured.low, measured.high

    @property
    def stands_for(self) -> int | None:
        """How many images a cell has: its own number, or that of the cells in whose place held-out images stand."""
        if self.method == REAL:
            return self.quality.fresh.images if self.quality and self.quality.fresh else None
        return self.quality.images if self.quality else None

    @property
    def folds(self) -> tuple[str, ...]:
        """The keys of the student's folds, the first one first; of a teacher that is sampled itself, none."""
        models = itertools.takewhile(lambda item: not item[0].startswith("samples of "), self.parents.items())
        return tuple(key for label, key in models if not label.startswith("teacher"))

    @property
    def calls(self) -> str:
        """What is equal in records whose sampling makes the same calls: network, sampler, number of evaluations."""
        network = [self.config.get("network"), self.config.get("teacher", {}).get("weights")]
        return json.dumps([self.nfe, self.sampling, network], sort_keys=True)

    @property
    def set_name(self) -> str:
        """The name of the set of records that it belongs to."""
        return set_name(self.dataset, self.resolution, self.scale)

    @property
    def name(self) -> str:
        """The name of its file without ending: readable, and unique through its key."""
        return cell_name(self.method, self.steps, self.seed, self.key, self.budget)

    @property
    def trains(self) -> bool:
        """Whether its method has students; one without samples the teacher itself."""
        return self.init is not None or (self.method != REAL and bool(self.folds))


# What was measured: the fields that are sections.
SECTIONS = tuple(
    name
    for name, info in Record.model_fields.items()
    if any(issubclass(model, Section) for model in models_of(info.annotation))
)


def cell_name(method: str, steps: int | None, seed: int, key: str, budget: int | None = None) -> str:
    """Return the name of the record that a cell has or will have."""
    count = "" if steps is None else f"-{steps}" + ("" if budget is None else f"-{short(budget)}")
    safe, short_key = (re.sub(r"[^\w.=-]+", "-", text) for text in (method, key[:8]))  # a path has no other part of it
    return f"{safe.strip('-')[:LONGEST_NAME]}{count}-seed{seed}-{short_key}"


def set_name(dataset: str, resolution: int, scale: str) -> str:
    """Return the name of a set of records: those of a dataset, at a resolution and a scale."""
    return f"{dataset}-{resolution}-{scale}"


def record_path(root: Path, record: Record) -> Path:
    """Return where a record is in a run folder."""
    return RunFolder(root).records / record.set_name / f"{record.name}.json"


def write_record(root: Path, record: Record, pictures: Mapping[str, bytes] | None = None) -> Path:
    """Write a record as soon as its cell ends, atomically, with the hash that reading checks it by; return its path.

    pictures: the files that belong beside it, by name; they are written before it, and it holds their hashes. The
    record of a failure does not replace a good one of the same key: what was measured stays true.
    """
    path = record_path(root, record)
    with Locks().wait_and_hold(path.parent):  # between looking at what is there and replacing it
        if record.failure is not None and _is_good(path, record.key):
            return path
        for name, data in (pictures or {}).items():
            beside = path.with_name(name)
            if not beside.is_file() or beside.read_bytes() != data:
                write_bytes(beside, data)
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in (pictures or {}).items()}
        record = record.model_copy(update={"pictures": record.pictures | hashes})
        write_json(path, sealed(record.model_dump(mode="json")))
        for older in superseded(path, record):
            for file in older.parent.glob(f"{older.stem}*"):
                file.unlink(missing_ok=True)
    return path


def _is_good(path: Path, key: str) -> bool:
    """Tell whether a file is the record of a key that was measured."""
    try:
        there = read_record(path)
    except InputError:
        return False
    return there.failure is None and there.key == key


def superseded(path: Path, record: Record) -> list[Path]:
    """Return the records beside a new one of the same cell and settings, made when a stage's version was another."""
    begins = f"{record.name.rpartition('-')[0]}-"
    names = [name for name in os.listdir(path.parent) if name.startswith(begins) and name.endswith(".json")]
    return [other for name in names if (other := path.parent / name) != path and _same_cell(other, record)]


def _same_cell(path: Path, record: Record) -> bool:
    try:
        other = read_record(path)
    except InputError:
        return False  # whatever it is, it is not ours to remove
    fields = ("dataset_sha256", "feature_space", "method", "steps", "seed", "budget")
    return all(getattr(other, name) == getattr(record, name) for name in fields) and own_part(other) == own_part(record)


def own_part(record: Record) -> dict[str, Any]:
    """Return what of the settings is a record's own: the real data has no model and no sampler, only a protocol.

    And how many images a cell has in whose place its held-out images stand.
    """
    if record.method == REAL:
        return record.model_dump(mode="json", include={"protocol"}) | {"stands_for": record.stands_for}
    return own_settings(record.config, record.method)


def own_settings(config: dict[str, Any], method: str) -> dict[str, Any]:
    """Return a configuration as a cell of a method, or of a variant, has it: without the settings of other methods."""
    base = base_name(method)
    return config | {"methods": {name: own for name, own in config.get("methods", {}).items() if name == base}}


class NewerRecord(InputError):
    """A record of a newer version of this suite."""


def read_record(path: Path) -> Record:
    """Return the record in a file, migrated to this version's schema. Raises InputError naming the file.

    One that was changed after it was written is refused, and one whose hash was taken away; only schema 1 had none.
    """
    text = read_text(path, "record")
    values = parse_json(text, path, "record")
    check_schema(values, path)
    try:
        if INTEGRITY not in values and values["schema_version"] > 1:
            raise InputError(f"{path}: lacks its own hash ({INTEGRITY}); run its cell again, or take it from a copy")
        if INTEGRITY in values and values.pop(INTEGRITY) != fingerprint(text):
            raise InputError(f"{path}: was changed after it was written; run its cell again, or take it from a copy")
        return Record.model_validate(migrated(values))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(_unreadable(path, error)) from None


def has_integrity(path: Path) -> bool:
    """Tell whether a readable record carries its hash; those of schema 1 do not. Raises InputError."""
    return INTEGRITY in read_object(path)


def read_records(*folders: Path) -> list[Record]:
    """Return the records under folders: set by set, the real data first, then by seed, steps, method and budget.

    Their order is the same for a folder of several runs as for the runs one by one, in whatever order they are given.
    One that cannot be read is named on stderr: it is one cell less in tables and plots. Raises InputError if a folder
    has none, or if none can be read.
    """
    paths: dict[Path, Path] = {}  # by where they really are: folders may lie in one another
    for folder in folders:
        there = record_paths(folder)
        if not there:
            raise InputError(f"no records in '{folder}'; make some with: sfddm-bench run --out {folder}")
        paths |= {path.resolve(): path for path in there}
    found, faults = [], []
    for resolved, path in paths.items():
        try:
            found.append((resolved.parent, read_record(path)))
        except InputError as error:
            faults.append(error)
    if not found:
        raise faults[0]
    for fault in faults:
        to_stderr(f"left out: {fault}")
    return [record for _, record in sorted(found, key=lambda pair: (pair[0], *sort_key(pair[1])))]


def sort_key(record: Record) -> tuple[bool, int, int, str, int, str]:
    """Return what the records of a set are sorted by."""
    return record.method != REAL, record.seed, record.steps or 0, record.method, record.budget or 0, record.key


def check_schema(values: Any, path: Path) -> None:
    """Raise InputError if values are no record's, or of a newer schema than this version reads."""
    version = values.get("schema_version") if isinstance(values, dict) else None
    if type(version) is not int or version < 1:
        raise InputError(f"{path}: not a record: it has no schema_version")
    if version > SCHEMA:
        raise NewerRecord(
            f"{path}: its schema is {version}, this version reads up to {SCHEMA}; use a newer sfddm-bench"
        )


def _unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, ValidationError):
        place, fault = first_fault(error)
        told = fault.removeprefix("Value error, ").removeprefix(f"{place}: ")
        return f"{path}: not a record: {place}: {told}"
    if isinstance(error, (KeyError, TypeError, AttributeError)):
        return f"{path}: not a record of its schema: {error} is missing or of another type"
    return f"{path}: not a readable record ({error})"
