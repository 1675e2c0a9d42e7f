"""Records: one JSON file per cell, the only thing tables, plots and reports are made from. No torch here."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.files import write_json
from bench.protocol import Protocol
from sfddm.errors import InputError

SCHEMA = 2
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


def record_name(record: Record) -> str:
    """Return a cell's file name without ending: readable, and unique through its key."""
    steps = "" if record.steps is None else f"-{record.steps}"
    return f"{record.method.replace(' ', '-')}{steps}-seed{record.seed}-{record.key[:8]}"


def cell_folder(root: Path, record: Record) -> Path:
    """Return the folder of a dataset's records."""
    return root / "records" / f"{record.dataset}-{record.resolution}-{record.scale}"


def write_record(root: Path, record: Record) -> Path:
    """Write a record as soon as its cell ends, atomically; return its path."""
    path = cell_folder(root, record) / f"{record_name(record)}.json"
    write_json(path, record.model_dump())
    return path


def read_record(path: Path) -> Record:
    """Return the record in a file, migrated to this version's schema. Raises InputError naming the file."""
    try:
        return Record.model_validate(migrated(json.loads(path.read_text()), path))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: not a readable record ({error})") from None
    except ValidationError as error:
        fault = error.errors()[0]
        raise InputError(f"{path}: not a record: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None


def read_records(root: Path) -> list[Record]:
    """Return every record under a folder, in the order of their paths. Raises InputError where there is none."""
    paths = sorted(path for path in root.rglob("*.json") if path.parent.parent.name == "records")
    if not paths:
        raise InputError(f"no records in '{root}'; make some with: sfddm-bench run --out {root}")
    return [read_record(path) for path in paths]


def migrated(values: Any, path: Path) -> Any:
    """Return a record's values in this version's schema. Raises InputError for a newer schema."""
    version = values.get("schema_version") if isinstance(values, dict) else None
    if not isinstance(version, int) or version < 1:
        raise InputError(f"{path}: not a record: it has no schema_version")
    if version > SCHEMA:
        raise InputError(f"{path}: its schema is {version}, this version reads up to {SCHEMA}; use a newer sfddm-bench")
    for older in range(version, SCHEMA):
        values = MIGRATIONS[older](values)
    return values


def _from_1(values: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 had no protocol, and named the distance's path fd_method."""
    kept = {name: value for name, value in values.items() if name not in ("fd_method", "feature_sha256")}
    return kept | {
        "schema_version": 2,
        "distance_path": values["fd_method"],
        "reasons": values["reasons"] | {"protocol": "not recorded by schema 1"},
    }


MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1}
