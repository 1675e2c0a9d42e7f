"""Records: one JSON file per cell, the only thing tables, plots and reports are made from. No torch here."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.config.variants import base_name
from bench.metrics.protocol import Protocol
from bench.store.files import digest, write_json
from sfddm.errors import InputError

SCHEMA = 2
INTEGRITY = "integrity"  # the name, in a record's file, of the hash of all the rest
LONGEST_NAME = 80  # characters of a method's name in a file name; a variant's can be any length
REAL = "real data"  # the method name of the floor: one half of the data against the other


class Record(BaseModel):
    """One cell: a method at a step count under a seed, with what was measured and all that decided it.

    Bytes, seconds and images per second as named. `fid` is set on Inception features only, `fd` on any other
    feature space; the other is null. A missing measurement is null, with the reason in `reasons`. A failed cell has
    `failure`, the one line that says why, and no measurements.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA
    key: str
    failure: str | None = None

    # What was run.
    dataset: str
    dataset_sha256: str
    preprocessing: str
    resolution: int
    method: str
    steps: int | None
    nfe: int | None = None  # network evaluations per image, counted
    grid: str | None = None
    timesteps: list[int] | None = None  # the teacher's indices that the sampler visits, increasing
    sampling: dict[str, Any] = Field(default_factory=dict)  # sampler, eta, clip rule
    seed: int
    scale: str

    # Quality, under a protocol. The interval is of the distance, 95 %.
    protocol: Protocol | None = None
    feature_space: str
    images: int | None = None
    reference_images: int | None = None
    fid: float | None = None
    fd: float | None = None
    distance_low: float | None = None
    distance_high: float | None = None
    distance_infinity: float | None = None  # extrapolated to infinitely many images
    distance_path: str | None = None  # cholesky, gram or eigh
    min_eigenvalue: float | None = None
    rank_deficient: bool | None = None  # fewer images than features
    is_mean: float | None = None
    is_std: float | None = None
    kid_mean: float | None = None
    kid_std: float | None = None
    precision: float | None = None
    recall: float | None = None
    consistency: dict[str, float | int | None] | None = None  # bench.metrics.consistency.Consistency
    interpolation: dict[str, dict[str, float | int | None]] | None = (
        None  # by path: bench.metrics.interpolation.PathLength
    )

    # Cost of sampling.
    wall_seconds: float | None = None  # of this cell's images, from latents to uint8
    images_per_second: float | None = None  # the same, as a rate
    first_call_seconds: float | None = None
    compile_seconds: float | None = None
    latency: dict[str, float | int] | None = None  # one image: median, q25, q75, p95 in seconds, repeats
    throughput: dict[str, float | int] | None = None  # best images_per_second, and its batch
    seconds_per_nfe: float | None = None  # one image
    gpu_peak_bytes: int | None = None  # allocated
    gpu_reserved_bytes: int | None = None
    gpu_device_bytes: int | None = None
    rss_peak_bytes: int | None = None
    weights_bytes: int | None = None

    # Cost of training; a network evaluation counts 1 forward and 2 backward, per image.
    teacher_seconds: float | None = None
    teacher_evaluations: int | None = None
    train_seconds: float | None = None
    train_evaluations: int | None = None
    folds: int | None = None

    reasons: dict[str, str] = Field(default_factory=dict)

    # Provenance. parents: the keys of the cell's stages by label; durations: their seconds.
    config: dict[str, Any]
    versions: dict[str, str]
    machine: dict[str, Any]
    git: dict[str, Any]
    command: list[str] = Field(default_factory=list)
    parents: dict[str, str] = Field(default_factory=dict)
    durations: dict[str, float] = Field(default_factory=dict)

    @property
    def is_fid(self) -> bool:
        """Whether the feature space is Inception-2015, so that its distance is called FID."""
        return self.feature_space.startswith("inception-2015")

    @property
    def quality_name(self) -> str:
        """What the distance is called: FID, or FD with its feature space."""
        return "FID" if self.is_fid else f"FD ({self.feature_space})"

    @property
    def quality(self) -> float | None:
        """The distance, by whichever name; None where there is none: a failed cell, or quality was not asked for."""
        return self.fid if self.is_fid else self.fd


class NewerRecord(InputError):
    """A record of a newer version of this suite."""


def record_name(record: Record) -> str:
    """Return a cell's file name without ending: readable, and unique through its key."""
    return cell_name(record.method, record.steps, record.seed, record.key)


def cell_name(method: str, steps: int | None, seed: int, key: str) -> str:
    """Return the name of the record that a cell has or will have."""
    count = "" if steps is None else f"-{steps}"
    safe = re.sub(r"[^\w.=-]+", "-", method).strip("-")[:LONGEST_NAME]
    return f"{safe}{count}-seed{seed}-{key[:8]}"


def set_name(dataset: str, resolution: int, scale: str) -> str:
    """Return the name of a set of records: those of a dataset, at a resolution and a scale."""
    return f"{dataset}-{resolution}-{scale}"


def cell_folder(root: Path, record: Record) -> Path:
    """Return the folder of a dataset's records."""
    return root / "records" / set_name(record.dataset, record.resolution, record.scale)


def write_record(root: Path, record: Record) -> Path:
    """Write a record as soon as its cell ends, atomically, with the hash that reading holds it against; return its path."""
    path = cell_folder(root, record) / f"{record_name(record)}.json"
    values = record.model_dump()
    write_json(path, values | {INTEGRITY: fingerprint(json.dumps(values))})
    for older in superseded(path, record):
        for file in older.parent.glob(f"{older.stem}*"):
            file.unlink()
    return path


def superseded(path: Path, record: Record) -> list[Path]:
    """Return the records beside a new one of the very same cell and settings, made when a stage's version was another."""
    alike = path.parent.glob(f"{record_name(record).rpartition('-')[0]}-*.json")
    return [other for other in alike if other != path and _same_cell(other, record)]


def _same_cell(path: Path, record: Record) -> bool:
    try:
        other = read_record(path)
    except InputError:
        return False  # whatever it is, it is not ours to remove
    fields = ("dataset_sha256", "method", "steps", "seed")
    return all(getattr(other, name) == getattr(record, name) for name in fields) and _own(other) == _own(record)


def _own(record: Record) -> object:
    """Return what of the settings is a record's own: the real data has no model and no sampler, only a protocol."""
    return record.protocol if record.method == REAL else own_settings(record.config, record.method)


def own_settings(config: dict[str, Any], method: str) -> dict[str, Any]:
    """Return a configuration as a cell of a method, or of a variant, has it: without the settings of other methods."""
    base = base_name(method)
    return config | {"methods": {name: own for name, own in config.get("methods", {}).items() if name == base}}


def fingerprint(text: str) -> str:
    """Return the sha256 of a record's JSON apart from its own hash, whatever the order and spacing.

    Numbers count as they are written: two spellings of one float are two records.
    """
    values = json.loads(text, parse_float=str)
    return digest({name: value for name, value in values.items() if name != INTEGRITY})


def read_record(path: Path) -> Record:
    """Return the record in a file, migrated to this version's schema. Raises InputError naming the file.

    A record that was changed after it was written is refused; one of a version that wrote no hash is taken as it is.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text)
        check_schema(values, path)
        if INTEGRITY in values and values.pop(INTEGRITY) != fingerprint(text):
            raise InputError(f"{path}: was changed after it was written; run its cell again, or take it from a copy")
        return Record.model_validate(migrated(values))
    except NewerRecord:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(_unreadable(path, error)) from None


def has_integrity(path: Path) -> bool:
    """Tell whether a readable record carries its hash; those of schema 1 do not."""
    return INTEGRITY in json.loads(path.read_text(encoding="utf-8"))


def record_paths(root: Path) -> list[Path]:
    """Return the files of all records under a folder, in order; the folder may be a set of records itself."""
    return sorted(path for path in root.rglob("*.json") if path.absolute().parent.parent.name == "records")


def read_records(root: Path) -> list[Record]:
    """Return every record under a folder: set by set, the real data first, then by seed, steps and method.

    Raises InputError where there is none.
    """
    paths = record_paths(root)
    if not paths:
        raise InputError(f"no records in '{root}'; make some with: sfddm-bench run --out {root}")
    found = [(path.parent, read_record(path)) for path in paths]
    return [record for _, record in sorted(found, key=lambda pair: (pair[0], *rank(pair[1])))]


def rank(record: Record) -> tuple[bool, int, int, str, str]:
    """Return what the records of a set are sorted by."""
    return record.method != REAL, record.seed, record.steps or 0, record.method, record.key


def check_schema(values: Any, path: Path) -> None:
    """Raise InputError where values are no record's, or of a newer schema than this version reads."""
    version = values.get("schema_version") if isinstance(values, dict) else None
    if type(version) is not int or version < 1:
        raise InputError(f"{path}: not a record: it has no schema_version")
    if version > SCHEMA:
        raise NewerRecord(
            f"{path}: its schema is {version}, this version reads up to {SCHEMA}; use a newer sfddm-bench"
        )


def migrated(values: dict[str, Any]) -> dict[str, Any]:
    """Return a record's values in this version's schema."""
    for older in range(values["schema_version"], SCHEMA):
        values = MIGRATIONS[older](values)
    return values


def _unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        return f"{path}: not a record: {'.'.join(map(str, fault['loc']))}: {fault['msg']}"
    if isinstance(error, (KeyError, TypeError)):
        return f"{path}: not a record of its schema: {error} is missing or of another type"
    return f"{path}: not a readable record ({error})"


def _from_1(values: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 had no protocol, and named the distance's path fd_method."""
    kept = {name: value for name, value in values.items() if name not in ("fd_method", "feature_sha256")}
    return kept | {
        "schema_version": 2,
        "distance_path": values["fd_method"],
        "reasons": values["reasons"] | {"protocol": "not recorded by schema 1"},
    }


MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1}
