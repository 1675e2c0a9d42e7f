"""Stages: pieces of work in folders of their own, done once and shared by everything that needs them.

A stage's key is the hash of its kind, version, settings and parents' keys, never of source text.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.store.files import digest, read_object
from bench.store.layout import KEY_LENGTH, RunFolder, StageFolder

if TYPE_CHECKING:
    from bench.store.progress import Display
    from sfddm.distributed import World


@dataclass(frozen=True)
class Job:
    """What the work of a stage is given: its own folder, those of other stages, a device, a display, and the processes
    that work together. It remembers what the work read of other stages: artefacts by the stage's name.
    """

    folder: Path
    run: RunFolder
    device: str
    display: "Display"
    world: "World"
    read_of: dict[str, set[str]] = field(default_factory=dict, compare=False)

    def path(self, stage: "Stage", artefact: str) -> Path:
        """Return the path of another stage's artefact, to read it."""
        self.read_of.setdefault(stage.name, set()).add(artefact)
        return stage.folder(self.run).path / artefact

    def read(self, stage: "Stage", artefact: str) -> dict[str, Any]:
        """Return a JSON artefact of another stage. Raises InputError naming the file."""
        return read_object(self.path(stage, artefact))

    def log(self, line: str) -> None:
        """Append a line to the log of the stage that is being done."""
        StageFolder(self.folder).log(line)


@dataclass(frozen=True)
class Stage:
    """One piece of work. `work(job)` fills the job's folder; the parents are done by then.

    Raise `version` when the work of a kind changes its meaning. A file named `resume*` is for resuming after an
    interruption and is removed when the stage is done. `together`: if torchrun started several processes, all of them
    do the work, each its share; any other stage is the first process's alone. `goes_on`: the stage, if any, that takes
    up the work where this one ends; in one run it begins later, but it can do all of it by itself.
    """

    kind: str
    label: str
    settings: dict[str, Any]
    work: Callable[[Job], None] = field(compare=False, repr=False)
    parents: tuple["Stage", ...] = ()
    version: int = 1
    together: bool = field(default=False, compare=False)
    goes_on: "Stage | None" = field(default=None, compare=False, repr=False)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that decides the stage's artefacts."""
        parents = [parent.key for parent in self.parents]
        return {"kind": self.kind, "version": self.version, "settings": self.settings, "parents": parents}

    @property
    def declared(self) -> dict[str, Any]:
        """What its folder says of it from its beginning: the identity, and what people call it."""
        return self.identity | {"label": self.label}

    @cached_property
    def key(self) -> str:
        """The hash of the identity."""
        return digest(self.identity)[:KEY_LENGTH]

    @property
    def name(self) -> str:
        """The name of the stage's folder: kind-key."""
        return f"{self.kind}-{self.key}"

    def folder(self, run: RunFolder) -> StageFolder:
        """Return the stage's folder in a run."""
        return run.stage(self.name)

    @cached_property
    def lineage(self) -> tuple["Stage", ...]:
        """Every stage this one needs once, parents first, itself last."""
        return unique([*(stage for parent in self.parents for stage in parent.lineage), self])


def unique(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    """Return stages without repeats, by key, each at its first place."""
    found: dict[str, Stage] = {}
    for stage in stages:
        found.setdefault(stage.key, stage)
    return tuple(found.values())


def with_descendants(stages: Iterable[Stage], chosen: Callable[[Stage], bool]) -> Iterator[Stage]:
    """Yield the chosen stages and all that need them, of stages given parents first."""
    keys: set[str] = set()
    for stage in stages:
        if chosen(stage) or any(parent.key in keys for parent in stage.parents):
            keys.add(stage.key)
            yield stage
