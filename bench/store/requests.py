"""What sweeps were asked for, on disk: one file per sweep under `sweeps/`, written before its first stage. No torch.

Records say what was measured; only these say what is still to come, and which stages it needs.
"""

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from bench.store.files import digest, read_object, write_json
from bench.store.layout import STAGE_NAME, RunFolder
from sfddm.errors import InputError, first_fault


def _inside(path: str) -> str:
    if PurePosixPath(path).is_absolute() or ".." in path.split("/") or "\0" in path:
        raise ValueError("a path inside the run folder is needed")
    return path


def _stage_name(name: str) -> str:
    if not STAGE_NAME.fullmatch(name):
        raise ValueError("the name of a stage is needed, kind-key")
    return name


class RequestedCell(BaseModel):
    """One cell; budget: of its training, in network evaluations. record: its record's path in the run folder.

    space: the feature space, if it is not the run's first. stages: the folders it needs, parents first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    steps: int | None
    seed: int
    budget: int | None = None
    space: str | None = None
    record: Annotated[str, AfterValidator(_inside)]
    stages: tuple[Annotated[str, AfterValidator(_stage_name)], ...]


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
        return f"{self.dataset}-{self.resolution}-{self.scale}-{digest(self.values)[:8]}"

    @property
    def values(self) -> dict[str, Any]:
        """What is written; budget and space only of cells that have one."""
        values = self.model_dump(mode="json")
        for cell in values["cells"]:
            for name in ("budget", "space"):
                if cell[name] is None:
                    del cell[name]
        return values


def write_request(root: Path, sweep: RequestedSweep) -> Path:
    """Write what a sweep asks for and return the path."""
    path = RunFolder(root).sweeps / f"{sweep.name}.json"
    write_json(path, sweep.values)
    return path


def read_requests(root: Path, complain: Callable[[str], None] | None = None) -> dict[Path, RequestedSweep]:
    """Return the sweeps of a run folder by their files.

    A file that is none is named to `complain`, in a line, and left out; without that, InputError is raised for it.
    """
    found = {}
    for path in sorted(RunFolder(root).sweeps.glob("*.json")):
        try:
            found[path] = _read(path)
        except InputError as error:
            if complain is None:
                raise
            complain(str(error))
    return found


def _read(path: Path) -> RequestedSweep:
    try:
        return RequestedSweep.model_validate(read_object(path, "sweep"))
    except ValidationError as error:
        place, fault = first_fault(error)
        raise InputError(
            f"{path}: not a sweep: {place}: {fault}; delete it, and run its command again to have it back"
        ) from None
