"""What sweeps were asked for, on disk: one file per sweep under `sweeps/`, written before its first stage. No torch.

Records say what was measured; only these say what is still to come, and which stages it needs.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.store.files import digest, write_json
from bench.store.layout import RunFolder
from sfddm.errors import InputError


class RequestedCell(BaseModel):
    """One cell; record: its record's path in the run folder; stages: the folders it needs, parents first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    steps: int | None
    seed: int
    record: str
    stages: tuple[str, ...]


class RequestedSweep(BaseModel):
    """The cells of one `run` command."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = 1
    dataset: str
    resolution: int
    scale: str
    cells: tuple[RequestedCell, ...]

    @property
    def name(self) -> str:
        """The file name without ending: the same for the same cells."""
        return f"{self.dataset}-{self.resolution}-{self.scale}-{digest(self.model_dump(mode='json'))[:8]}"


def write_request(root: Path, sweep: RequestedSweep) -> Path:
    """Write what a sweep asks for and return the path."""
    path = RunFolder(root).sweeps / f"{sweep.name}.json"
    write_json(path, sweep.model_dump(mode="json"))
    return path


def read_requests(root: Path) -> dict[Path, RequestedSweep]:
    """Return the sweeps of a run folder by their files. Raises InputError naming a file that is none."""
    return {path: _read(path) for path in sorted((RunFolder(root).sweeps).glob("*.json"))}


def readable_requests(root: Path) -> tuple[dict[Path, RequestedSweep], list[InputError]]:
    """Return the sweeps of a run folder that can be read, by their files, and what is wrong with each other one."""
    found, faults = {}, []
    for path in sorted(RunFolder(root).sweeps.glob("*.json")):
        try:
            found[path] = _read(path)
        except InputError as error:
            faults.append(error)
    return found, faults


def _read(path: Path) -> RequestedSweep:
    try:
        return RequestedSweep.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise InputError(
            f"{path}: not a sweep: {place}: {fault['msg']}; delete it, and run its command again to have it back"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable sweep ({error})") from None
