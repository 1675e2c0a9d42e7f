"""Which stages of a run folder are done, and whether their artefacts still are what was written."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.store.changes import Earlier
from bench.store.files import read_object
from bench.store.layout import RunFolder
from bench.store.marker import Marker
from bench.store.stage import Stage
from sfddm.errors import InputError


class Store:
    """The stages under one run folder, by their keys.

    What is done is believed once a run: the sizes of the artefacts, and the hashes of small ones, when a stage is first
    asked for; every hash, by `damage`, before a stage that reads the artefacts is computed. `say` is told of damage.
    """

    def __init__(self, root: Path, say: Callable[[str], None]) -> None:
        self.run, self.say = RunFolder(root), say
        self._done: dict[str, Marker] = {}
        self._read_from: dict[
            str, set[str]
        ] = {}  # by the name of a stage, the keys of done ones that were made from it
        self._reported: set[str] = set()

    @cached_property
    def earlier(self) -> Earlier:
        """The settings of the stages that were there before."""
        return Earlier(self.run)

    def path(self, stage: Stage, artefact: str = "") -> Path:
        """Return a stage's folder, or the path of an artefact in it."""
        return stage.folder(self.run).path / artefact

    def read(self, stage: Stage, artefact: str) -> dict[str, Any]:
        """Return a JSON artefact of a done stage. Raises InputError naming the file."""
        return read_object(self.path(stage, artefact))

    def is_done(self, stage: Stage) -> bool:
        """Tell whether a stage is done and its artefacts are there; what is wrong with them is reported in one line."""
        if stage.key in self._done:
            return True
        folder = stage.folder(self.run)
        if not folder.is_done:
            return False
        try:
            self._believe(stage, folder.checked(every_hash=False))
        except InputError as fault:
            if str(fault) not in self._reported:
                self._reported.add(str(fault))
                self.say(f"{fault}; {stage.label} is computed again")
            return False
        return True

    def marker(self, stage: Stage) -> Marker:
        """Return what a done stage's `done.json` says: seconds, sha256, bytes, versions, git."""
        assert self.is_done(stage)
        return self._done[stage.key]

    def state(self, stage: Stage) -> tuple[str, str]:
        """Return what has to happen to a stage, `reuse`, `resume` or `compute`, and why."""
        folder = stage.folder(self.run)
        if self.is_done(stage):
            return "reuse", ""
        if folder.is_done:
            return "compute", folder.fault(every_hash=False) or "damaged"
        if left := folder.resume_files():
            return "resume", f"from {left[-1].name}"
        return "compute", self.earlier.why_not_done(stage)

    def finished(self, stage: Stage, marker: Marker) -> None:
        """Take in that a stage has just been done: what was made from it is looked at again, for it may be another."""
        for key in self._read_from.pop(stage.name, ()):
            self._done.pop(key, None)
        self._believe(stage, marker)

    def forget(self, stage: Stage) -> None:
        """Look at a stage's folder again when it is next asked for."""
        self._done.pop(stage.key, None)

    def _believe(self, stage: Stage, marker: Marker) -> None:
        self._done[stage.key] = marker
        for parent in marker.get("parents", {}):
            self._read_from.setdefault(parent, set()).add(stage.key)
