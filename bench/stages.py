"""Stages: pieces of work in folders of their own, done once and shared by everything that needs them.

A stage's key is the hash of its kind, version, settings and parents' keys: never of source text. Its folder
holds `settings.json`, its artefacts, and `done.json`, written last with the sha256 of each artefact.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.files import digest, file_sha256, write_json
from bench.parts import Parts

if TYPE_CHECKING:
    from bench.progress import Display

DONE = "done.json"
KEY_LENGTH = 16


@dataclass(frozen=True)
class Stage:
    """One piece of work. `work(folder, store)` fills the folder; the parents are done by then.

    Raise `version` where the work of a kind changes its meaning. A file named `resume.*` is for going on after
    an interruption and is removed when the stage is done.
    """

    kind: str
    label: str
    settings: dict[str, Any]
    work: Callable[[Path, "Store"], None] = field(compare=False, repr=False)
    parents: tuple["Stage", ...] = ()
    version: int = 1

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that decides the stage's artefacts."""
        parents = [parent.key for parent in self.parents]
        return {"kind": self.kind, "version": self.version, "settings": self.settings, "parents": parents}

    @cached_property
    def key(self) -> str:
        """The hash of the identity."""
        return digest(self.identity)[:KEY_LENGTH]

    def lineage(self) -> Iterator["Stage"]:
        """Yield every stage this one needs, parents first, itself last."""
        for parent in self.parents:
            yield from parent.lineage()
        yield self


class Store:
    """The stages under one folder, and what their work needs: a device and a display. `parts` has their seconds."""

    def __init__(self, root: Path, device: str, display: "Display", parts: Parts | None = None):
        self.root, self.device, self.display = root, device, display
        self.parts = parts or Parts()

    def folder(self, stage: Stage) -> Path:
        """Return a stage's folder."""
        return self.root / "stages" / f"{stage.kind}-{stage.key}"

    def is_done(self, stage: Stage) -> bool:
        """Tell whether a stage is done."""
        return (self.folder(stage) / DONE).exists()

    def state(self, stage: Stage) -> str:
        """Return `reuse`, `resume` or `compute`: what `ensure` would do."""
        if self.is_done(stage):
            return "reuse"
        return "resume" if any(self.folder(stage).glob("resume*")) else "compute"

    def ensure(self, stage: Stage) -> Path:
        """Do a stage, and all it needs, where that is not done; return its folder."""
        for needed in stage.lineage():
            if not self.is_done(needed):
                with self.parts.part(f"stage: {needed.label}"):
                    self._do(needed)
        return self.folder(stage)

    def _do(self, stage: Stage) -> None:
        folder = self.folder(stage)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "settings.json", stage.identity | {"label": stage.label})
        started = time.perf_counter()
        stage.work(folder, self)
        for leftover in folder.glob("resume*"):
            leftover.unlink()
        artefacts = {
            str(path.relative_to(folder)): file_sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()
        }
        write_json(folder / DONE, {"seconds": round(time.perf_counter() - started, 3), "sha256": artefacts})

    def read(self, stage: Stage, name: str) -> dict[str, Any]:
        """Return a JSON artefact of a done stage."""
        return json.loads((self.folder(stage) / name).read_text())
