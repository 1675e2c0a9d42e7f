"""What a model is called: a file, the folder of a stage, or a cell of a run. No torch: a wrong name is told at once."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sfddm.errors import InputError
from sfddm.json_files import read_json

ADDRESS = re.compile(r"(.+?):([^:]+):([0-9]{1,9})(?::([0-9]{1,18}))?")
FORMS = "a file, the folder of a stage (samples, fold or teacher), or RUN:method:steps[:seed]"
MOST_LISTED = 12

Key = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class CellRecord(BaseModel):
    """What a record says of which cell it is."""

    model_config = ConfigDict(frozen=True)

    method: str
    steps: int | None
    seed: int
    resolution: int
    failure: str | None = None
    parents: dict[str, Key] = {}

    @property
    def address(self) -> str:
        """What the cell is called in its run."""
        return f"{self.method}:{self.steps}:{self.seed}"


@dataclass(frozen=True)
class Cell:
    """A cell of a run that images were made of: its record's file, and the folder of its samples."""

    record: Path
    resolution: int
    samples: Path


def named(path: str | Path) -> Path | Cell:
    """Return the file or folder that a path names, or the cell of RUN:method:steps[:seed]. Raises InputError."""
    place, match = Path(path), ADDRESS.fullmatch(str(path))
    if place.exists():
        return place
    if match is None:
        raise InputError(f"{path}: no such file or folder, possible: {FORMS}")
    run, method, steps, seed = match.groups()
    return find_cell(Path(run), method, int(steps), int(seed or 0))


def find_cell(run: Path, method: str, steps: int, seed: int) -> Cell:
    """Return the one cell of a method at a step count under a seed. Raises InputError if there is none, or several.

    run: a run folder, one of its sets of records, or the file of a record.
    """
    if run.suffix == ".json":
        root, files = run.absolute().parents[2], [run]
    elif run.absolute().parent.name == "records":
        root, files = run.absolute().parents[1], sorted(run.glob("*.json"))
    else:
        root, files = run, sorted(run.glob("records/*/*.json"))
    cells = {path: record for path in files if (record := _cell_record(path))}
    if not cells:
        raise InputError(f"{run}: no records of images in it, possible: a run folder, made with sfddm-bench run --out")
    asked = f"{method}:{steps}:{seed}"
    found = [path for path, record in cells.items() if record.address == asked]
    if not found:
        there = sorted({record.address for record in cells.values()})
        more = f" and {len(there) - MOST_LISTED} more" if len(there) > MOST_LISTED else ""
        raise InputError(f"{run}: '{asked}' given, possible: {', '.join(there[:MOST_LISTED])}{more}")
    if len(found) > 1:
        names = ", ".join(str(path) for path in found[:MOST_LISTED])
        raise InputError(f"{run}: '{asked}' is there {len(found)} times; name one of these in place of it: {names}")
    record = cells[found[0]]
    stages = [root / "stages" / f"samples-{key}" for key in record.parents.values()]
    samples = next((folder for folder in stages if folder.is_dir()), None)
    if samples is None:
        raise InputError(f"{found[0]}: the stages that it was made of are not in '{root}', so there is no model")
    return Cell(found[0], record.resolution, samples)


def _cell_record(path: Path) -> CellRecord | None:
    """Return a record of a cell that has images, or None."""
    try:
        record = CellRecord.model_validate(read_json(path, "a record"))
    except (InputError, ValidationError):
        return None  # `verify` tells of those
    return record if record.steps is not None and record.failure is None else None
