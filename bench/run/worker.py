"""Doing stages: each once, under its lock, with a log, and with what made it on record."""

import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from torch import get_num_threads

from bench.store import events
from bench.store.changes import NOT_DONE
from bench.store.failures import Busy, StageFailed, reason
from bench.store.files import write_json
from bench.store.layout import DONE, SETTINGS
from bench.store.lock import Locks, TakenOver
from bench.store.marker import Marker, write_marker
from bench.store.progress import Display
from bench.store.provenance import anonymous, made_by
from bench.store.stage import Job, Stage
from bench.store.store import Store
from bench.store.timing import Timing
from sfddm.compiling import forget
from sfddm.distributed import World
from sfddm.errors import InputError, NonFiniteLoss, WorkFailed
from sfddm.files import remove, remove_dead


class Worker:
    """Does the stages of one run folder, on a device, alone or with the other processes of a world.

    A stage that failed is not tried again by the same worker. `timing` takes the seconds of what is done.
    jobs: how many processes do stages at a time, side by side on this machine, this one among them.
    """

    def __init__(
        self,
        root: Path,
        device: str,
        display: Display,
        timing: Timing | None = None,
        world: World | None = None,
        jobs: int = 1,
    ):
        self.store = Store(root, display.say)
        self.device, self.display = device, display
        self.timing, self.world, self.jobs = timing or Timing(), world or World(), jobs
        self.locks = Locks()
        self.forced: set[str] = set()  # keys of stages to compute although they were done
        self._whole: set[str] = set()
        self._failed: dict[str, str] = {}

    def job(self, stage: Stage, folder: Path | None = None) -> Job:
        """Return what a stage's work is given; folder: where it writes, if not into the stage's own."""
        return Job(folder or self.store.path(stage), self.store.run, self.device, self.display, self.world)

    def ensure(self, stage: Stage) -> None:
        """Do a stage, and all it needs, unless that is done. Raises Busy or StageFailed."""
        for needed in stage.lineage:
            self._ensure_one(needed)

    def _ensure_one(self, stage: Stage) -> None:
        if self.store.is_done(stage):
            return
        if stage.key in self._failed:
            raise StageFailed(self._failed[stage.key])
        for parent in stage.parents:
            self._ensure_whole(parent)
        with self.locks.hold(self.store.path(stage)) as held:
            if not held:
                raise Busy(stage.label)
            if not self.store.is_done(stage):  # another process may have done it since
                with self.timing.part(f"stage: {stage.label}"), self.display.doing(stage.key):
                    self._do(stage)

    def _ensure_whole(self, stage: Stage) -> None:
        """Check every hash of a done stage once a run; what is damaged is computed again."""
        if stage.key in self._whole:
            return
        with self.timing.part("checking what is done"):
            fault = stage.folder(self.store.run).fault(every_hash=True)
        if fault is not None:
            self.display.say(f"{fault}; {stage.label} is computed again")
            self._unmark(stage)
            self._ensure_one(stage)
        self._whole.add(stage.key)

    def tidy(self, stages: Iterable[Stage]) -> None:
        """Remove the locks that killed processes left in the folders of done stages."""
        for stage in stages:
            if self.store.is_done(stage):
                self.locks.tidy(self.store.path(stage))

    def force(self, stages: Iterable[Stage]) -> None:
        """Take the marks of done stages away, all before any of them is computed. Raises InputError."""
        for stage in stages:
            try:
                self._unmark(stage)
            except Busy:
                raise InputError(f"--force: another process works on {stage.label}; wait for it or stop it") from None
            self.forced.add(stage.key)

    def _unmark(self, stage: Stage) -> None:
        folder = stage.folder(self.store.run)
        if folder.path.exists():
            with self.locks.hold(folder.path) as held:
                if not held:
                    raise Busy(stage.label)
                for path in [folder.path / DONE, *folder.resume_files()]:
                    remove(path)
        self.store.forget(stage)

    def state(self, stage: Stage) -> tuple[str, str]:
        """Return what has to happen to a stage, `reuse`, `resume` or `compute`, and why."""
        return ("compute", "forced") if stage.key in self.forced else self.store.state(stage)

    def _do(self, stage: Stage) -> None:
        folder, (state, why) = stage.folder(self.store.run), self.state(stage)
        self.display.say(f"{state} {stage.label}" + (f": {why}" if why != NOT_DONE else ""))
        folder.log(f"{state}: {why}")
        about = {"stage": stage.name, "label": stage.label}
        events.add(self.store.run, "begun", **about, state=state)
        started = time.perf_counter()
        try:
            remove(folder.path / DONE)
            remove_dead(folder.path)
            write_json(folder.path / SETTINGS, stage.declared)
            if stage.together:
                self.world.broadcast(stage.key)  # the other processes wait for it
            markers = self._markers(stage.lineage[:-1])  # before anything is read: what comes later was not
            job = self.job(stage)
            forget()  # what earlier stages compiled: torch allows a process only so many graphs
            stage.work(job)
            for leftover in folder.resume_files():
                remove(leftover)
            seconds = round(time.perf_counter() - started, 3)
            marker = {"seconds": seconds, **folder.hashes(), "parents": read_hashes(job, markers)}
            marker |= made_by() | {"threads": get_num_threads(), "jobs": self.jobs}
            write_marker(folder.path / DONE, marker)
        except TakenOver:
            raise  # without a line in the log: the folder is another's
        except Exception as error:
            self.fail(stage, f"{stage.label}: {reason(error)}")
            folder.log(f"failed: {reason(error)}\n{anonymous(traceback.format_exc())}")
            events.add(self.store.run, "failed", **about, why=reason(error))
            if stage.together and self.world.size > 1 and not isinstance(error, NonFiniteLoss):
                # The others may be in the middle of the work, and none continues without all. torchrun ends them.
                raise WorkFailed(f"{self._failed[stage.key]}; the same command resumes from there") from error
            raise StageFailed(self._failed[stage.key]) from error
        except KeyboardInterrupt:
            folder.log(f"interrupted after {time.perf_counter() - started:.1f} s")
            events.add(self.store.run, "interrupted", **about, seconds=round(time.perf_counter() - started, 3))
            raise
        self.forced.discard(stage.key)
        self.store.finished(stage, marker)
        self._whole.add(stage.key)
        folder.log(f"done in {seconds} s")
        events.add(self.store.run, "ended", **about, seconds=seconds)

    def _markers(self, stages: Iterable[Stage]) -> dict[str, Marker]:
        """Return what the done ones among some stages say of themselves, as it is on the disk now, by their names."""
        found = {}
        for stage in stages:
            with suppress(InputError):
                found[stage.name] = stage.folder(self.store.run).marker()
        return found

    def fail(self, stage: Stage, why: str) -> None:
        """Take a stage as failed, as another process may have found it: this worker does not try it again."""
        self._failed[stage.key] = why
        self.display.give_up(stage.key)

    def is_settled(self, stages: Iterable[Stage]) -> bool:
        """Tell whether all of a cell's stages, given in order, are done, or the first that is not cannot be."""
        first = next((stage for stage in stages if not self.store.is_done(stage)), None)
        return first is None or any(needed.key in self._failed for needed in first.lineage)


def read_hashes(job: Job, markers: dict[str, Marker]) -> dict[str, dict[str, str]]:
    """Return the sha256 of each artefact that a job read of another stage, as that stage's marker had it."""
    found = {}
    for name, artefacts in sorted(job.read_of.items()):
        sha256 = markers[name]["sha256"] if name in markers else {}
        found[name] = {artefact: sha256[artefact] for artefact in sorted(artefacts) if artefact in sha256}
    return found
