"""Stages: pieces of work in folders of their own, done once and shared by everything that needs them.

A stage's key is the hash of its kind, version, settings and parents' keys: never of source text. Its folder
holds `settings.json`, its artefacts, `log.txt`, and `done.json`, written last with the sha256 of each artefact.
"""

import json
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.store import provenance
from bench.store.artefacts import fault_of, hash_artefacts, read_marker
from bench.store.changes import Earlier
from bench.store.failures import StageFailed, reason
from bench.store.files import digest, write_json
from bench.store.lock import Claims
from bench.store.timing import Parts
from sfddm.errors import InputError, NonFiniteLoss, WorkFailed
from sfddm.files import TEMPORARY

if TYPE_CHECKING:
    from bench.store.progress import Display
    from sfddm.distributed import World

DONE, LOG, RESUME = "done.json", "log.txt", "resume"
KEY_LENGTH = 16


@dataclass(frozen=True)
class Stage:
    """One piece of work. `work(folder, store)` fills the folder; the parents are done by then.

    Raise `version` where the work of a kind changes its meaning. A file named `resume*` is for going on after
    an interruption and is removed when the stage is done. `together`: where torchrun started several processes, all of
    them do the work, each its share; any other stage is the first process's.
    """

    kind: str
    label: str
    settings: dict[str, Any]
    work: Callable[[Path, "Store"], None] = field(compare=False, repr=False)
    parents: tuple["Stage", ...] = ()
    version: int = 1
    together: bool = field(default=False, compare=False)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that decides the stage's artefacts."""
        parents = [parent.key for parent in self.parents]
        return {"kind": self.kind, "version": self.version, "settings": self.settings, "parents": parents}

    @cached_property
    def key(self) -> str:
        """The hash of the identity."""
        return digest(self.identity)[:KEY_LENGTH]

    @property
    def name(self) -> str:
        """The name of the stage's folder: kind-key."""
        return f"{self.kind}-{self.key}"

    def lineage(self) -> Iterator["Stage"]:
        """Yield every stage this one needs once, parents first, itself last."""
        found: dict[str, Stage] = {}
        for parent in self.parents:
            found |= {stage.key: stage for stage in parent.lineage()}
        yield from found.values()
        yield self


class Busy(Exception):
    """Another process works on a stage; the message is its label."""


class Store:
    """The stages under one folder, and what their work needs: a device, a display, and the processes at work together.

    What is done is believed once a run: the sizes of the artefacts, and the hashes of small ones, when a stage is
    first asked for; every hash, before a stage that reads the artefacts is computed. `parts` has the seconds of a run.
    """

    def __init__(self, root: Path, device: str, display: "Display", parts: Parts | None = None,
                 world: "World | None" = None):  # fmt: skip
        from sfddm.distributed import World  # with torch, which the commands that only look at a folder start without

        self.root, self.device, self.display, self.world = root, device, display, world or World()
        self.parts = parts or Parts()
        self.claims = Claims()
        self.forced: set[str] = set()  # keys of stages to compute although they are done
        self._done: dict[str, dict[str, Any]] = {}
        self._whole: set[str] = set()
        self._failed: dict[str, str] = {}
        self._named: set[str] = set()

    @cached_property
    def made_by(self) -> dict[str, Any]:
        """Versions and git revision, for what is made now."""
        return {"versions": provenance.versions(), "git": provenance.git_revision()}

    @cached_property
    def earlier(self) -> Earlier:
        """The settings of the stages that were there before."""
        return Earlier(self.root / "stages")

    def folder(self, stage: Stage) -> Path:
        """Return a stage's folder."""
        return self.root / "stages" / stage.name

    def is_done(self, stage: Stage) -> bool:
        """Tell whether a stage is done and its artefacts are there; what is wrong with them is said in one line."""
        if stage.key in self._done:
            return True
        folder = self.folder(stage)
        if not (folder / DONE).exists():
            return False
        fault = self.fault(stage)
        if fault is None:
            self._done[stage.key] = read_marker(folder / DONE)
        elif fault not in self._named:
            self._named.add(fault)
            self.display.say(f"{fault}; {stage.label} is computed again")
        return fault is None

    def fault(self, stage: Stage, every_hash: bool = False) -> str | None:
        """Return what is wrong with a stage's `done.json` or artefacts, naming the file; None where all is well."""
        return fault_of(self.folder(stage), DONE, every_hash)

    def marker(self, stage: Stage) -> dict[str, Any]:
        """Return what a done stage's `done.json` says: seconds, sha256, bytes, versions, git."""
        assert self.is_done(stage)
        return self._done[stage.key]

    def state(self, stage: Stage) -> tuple[str, str]:
        """Return `reuse`, `resume` or `compute`, what `ensure` would do, and why."""
        folder = self.folder(stage)
        if stage.key in self.forced:
            return "compute", "forced"
        if self.is_done(stage):
            return "reuse", ""
        if (folder / DONE).exists():
            return "compute", self.fault(stage) or "damaged"
        resume = sorted(path.name for path in folder.glob(f"{RESUME}*"))
        if resume:
            return "resume", f"from {resume[-1]}"
        return "compute", self.earlier.why_not_done(stage)

    def ensure(self, stage: Stage) -> Path:
        """Do a stage, and all it needs, where that is not done; return its folder. Raises Busy or StageFailed."""
        for needed in stage.lineage():
            self._ensure_one(needed)
        return self.folder(stage)

    def _ensure_one(self, stage: Stage) -> None:
        if self.is_done(stage):
            return
        if stage.key in self._failed:
            raise StageFailed(self._failed[stage.key])
        for parent in stage.parents:
            self._ensure_whole(parent)
        with self.claims.hold(self.folder(stage)) as held:
            if not held:
                raise Busy(stage.label)
            if not self.is_done(stage):  # another process may have done it since
                with self.parts.part(f"stage: {stage.label}"):
                    self._do(stage)

    def _ensure_whole(self, stage: Stage) -> None:
        """Check every hash of a done stage once a run; what is damaged is computed again."""
        if stage.key in self._whole:
            return
        with self.parts.part("checking what is done"):
            fault = self.fault(stage, every_hash=True)
        if fault is not None:
            self.display.say(f"{fault}; {stage.label} is computed again")
            self._forget(stage)
            self._ensure_one(stage)
        self._whole.add(stage.key)

    def force(self, stages: Iterable[Stage]) -> None:
        """Take the marks of done stages away, all before any of them is computed. Raises InputError."""
        for stage in stages:
            try:
                self._forget(stage)
            except Busy:
                raise InputError(f"--force: another process works on {stage.label}; wait for it or stop it") from None
            self.forced.add(stage.key)

    def _forget(self, stage: Stage) -> None:
        folder = self.folder(stage)
        if folder.exists():
            with self.claims.hold(folder) as held:
                if not held:
                    raise Busy(stage.label)
                for path in [folder / DONE, *folder.glob(f"{RESUME}*")]:
                    path.unlink(missing_ok=True)
        self._done.pop(stage.key, None)

    def _do(self, stage: Stage) -> None:
        folder, (state, why) = self.folder(stage), self.state(stage)
        self.display.say(f"{state} {stage.label}: {why}")
        self.log(folder, f"{state}: {why}")
        started = time.perf_counter()
        try:
            for path in [folder / DONE, *folder.glob(TEMPORARY)]:
                path.unlink(missing_ok=True)
            write_json(folder / "settings.json", stage.identity | {"label": stage.label})
            if stage.together:
                self.world.told(stage.key)  # the other processes wait for it
            stage.work(folder, self)
            for leftover in folder.glob(f"{RESUME}*"):
                leftover.unlink()
            seconds = round(time.perf_counter() - started, 3)
            marker = {"seconds": seconds, **hash_artefacts(folder), **self.made_by}
            write_json(folder / DONE, marker)
        except Exception as error:
            self._failed[stage.key] = f"{stage.label}: {reason(error)}"
            self.log(folder, f"failed: {reason(error)}\n{provenance.anonymous(traceback.format_exc())}")
            if stage.together and self.world.size > 1 and not isinstance(error, NonFiniteLoss):
                # The others may be in the middle of the work, and none goes on without all. torchrun ends them.
                raise WorkFailed(f"{self._failed[stage.key]}; the same command goes on from there") from error
            raise StageFailed(self._failed[stage.key]) from error
        except KeyboardInterrupt:
            self.log(folder, f"interrupted after {time.perf_counter() - started:.1f} s")
            raise
        self.forced.discard(stage.key)
        self._done[stage.key] = marker
        self._whole.add(stage.key)
        self.log(folder, f"done in {seconds} s")

    def fail(self, stage: Stage, why: str) -> None:
        """Take a stage as failed, as another process found it: this store does not try it again."""
        self._failed[stage.key] = why

    def log(self, folder: Path, line: str) -> None:
        """Append a line to a stage's log; it is no artefact, so that a full disk does not matter to it."""
        with suppress(OSError), (folder / LOG).open("a") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}\n")

    def read(self, stage: Stage, name: str) -> dict[str, Any]:
        """Return a JSON artefact of a done stage."""
        return json.loads((self.folder(stage) / name).read_text())
