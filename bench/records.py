"""Records: one JSON file per cell, the only thing tables and plots are made from."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.files import write_json
from sfddm.errors import InputError

SCHEMA = 1
REAL = "real data"  # the method name of the floor: one half of the data against the other


class Record(BaseModel):
    """One cell: a method at a step count under a seed, with what was measured and all that decided it.

    Bytes, seconds and images per second as named. `fid` is set on Inception features only, `fd` on any other
    feature space; the other is null. A missing measurement is null, with the reason in `reasons`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA
    key: str
    dataset: str
    dataset_sha256: str
    preprocessing: str
    resolution: int
    method: str
    steps: int | None
    nfe: int | None
    grid: str | None
    timesteps: list[int] | None
    sampling: dict[str, Any]
    seed: int
    scale: str
    images: int
    reference_images: int
    feature_space: str
    feature_sha256: str
    fid: float | None
    fd: float | None
    fd_method: str
    is_mean: float
    is_std: float
    wall_seconds: float | None
    images_per_second: float | None
    gpu_peak_bytes: int | None
    rss_peak_bytes: int | None
    teacher_seconds: float | None
    teacher_evaluations: int | None
    train_seconds: float | None
    train_evaluations: int | None
    folds: int | None
    reasons: dict[str, str]
    config: dict[str, Any]
    versions: dict[str, str]
    machine: dict[str, Any]
    git: dict[str, Any]

    @property
    def quality_name(self) -> str:
        """What the distance is called: FID, or FD with its feature space."""
        return "FID" if self.fid is not None else f"FD ({self.feature_space})"

    @property
    def quality(self) -> float:
        """The distance, by whichever name."""
        value = self.fid if self.fid is not None else self.fd
        assert value is not None
        return value


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
    """Return the record in a file. Raises InputError naming the file."""
    try:
        return Record.model_validate(json.loads(path.read_text()))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: not a readable record ({error})") from None
    except ValidationError as error:
        fault = error.errors()[0]
        raise InputError(f"{path}: not a record: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
