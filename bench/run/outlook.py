"""What of a sweep is still to be done, and how long that takes: before it begins, and while it is done.

A stage is done once its `done.json` is there, whoever did it: this process, another on the same folder, a worker of a
cluster. Its seconds then say how long its like will take, together with those of the trials before.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from bench.run.speeds import Speeds
from bench.run.sweep import Sweep
from bench.run.work import Part, Work
from bench.store.layout import RunFolder
from bench.store.stage import with_descendants
from bench.store.text import duration
from sfddm.errors import InputError
from sfddm.words import plural

LOOK_SECONDS = 5.0  # between two looks for stages that others have done


@dataclass
class Current:
    """The stage that this process does: since when, its first and last progress in units of its work, and when."""

    key: str
    began: float
    first: tuple[float, float] | None = None
    last: tuple[float, float] | None = None  # what is left of the work, from 1 to 0, and when

    def show(self, left: float, now: float) -> None:
        """Take in which part of the work is left."""
        self.first = self.first or (left, now)
        self.last = left, now


class Outlook:
    """The stages of a sweep that are to be done, with the work of each by key. Any thread may ask.

    clock: seconds that only grow.
    """

    def __init__(
        self,
        sweep: Sweep,
        run: RunFolder,
        work: dict[str, Work],
        speeds: Speeds,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.run, self.work, self.speeds, self.clock = run, work, speeds, clock
        self.stages = [stage for stage in sweep.stages if stage.key in work]  # parents first
        self.cells = [{stage.key for stage in cell.stages if stage.key in work} for cell in sweep.cells]
        self.began = self.looked = clock()
        self.spent = 0.0  # seconds of the stages that were done since then
        self.current: Current | None = None
        self.lock = threading.RLock()

    @contextmanager
    def doing(self, key: str) -> Iterator[None]:
        """Take it that this process does a stage while the block runs."""
        with self.lock:
            self.current = Current(key, self.clock()) if key in self.work else None
        try:
            yield
        finally:
            with self.lock:
                self.current = None
                self.speeds.under_way.clear()
                self.look()
                self.speeds.write()

    def progress(self, done: int, total: int) -> None:
        """Take in how much of the stage that this process does is done; a resumed one does not begin at 0."""
        with self.lock:
            if self.current is None or total <= 0:
                return
            work, now = self.work[self.current.key], self.clock()
            begun_at = max(total - work.units, 0)
            self.current.show(max(total - done, 0) / max(total - begun_at, 1), now)
            assert self.current.first is not None
            (left, then), amount = self.current.first, work.amount
            made = (left - max(total - done, 0) / max(total - begun_at, 1)) * amount
            if made > 0 and now > then:
                self.speeds.under_way[work.calls] = now - then, made

    def give_up(self, key: str) -> None:
        """Take it that a stage failed: neither it nor what needs it will be done."""
        with self.lock:
            for stage in with_descendants(self.stages, lambda one: one.key == key):
                self.work.pop(stage.key, None)

    def look(self) -> None:
        """Find the stages that are done by now: only one whose parents are done may be."""
        with self.lock:
            self.looked, left = self.clock(), []
            for stage in self.stages:
                if stage.key not in self.work:
                    continue
                ready = not any(parent.key in self.work for parent in stage.parents)
                if ready and (folder := stage.folder(self.run)).is_done:
                    work = self.work.pop(stage.key)
                    with suppress(InputError):  # who needs the stage will say what is wrong with it
                        seconds = folder.marker()["seconds"]
                        if not work.fixed:  # else it says little of the calls
                            self.speeds.add(work.calls, seconds, work.amount)
                        self.spent += seconds
                else:
                    left.append(stage)
            self.stages = left

    @property
    def cells_left(self) -> int:
        """How many cells lack a stage."""
        with self.lock:
            self.cells = [cell for cell in self.cells if not cell.isdisjoint(self.work)]
            return len(self.cells)

    def seconds_of(self, key: str) -> float:
        """Return the seconds that a stage still takes; 0 if nothing is known of its calls."""
        work, current = self.work[key], self.current
        each = self.speeds.seconds(work.calls) or 0.0
        if current is None or current.key != key:
            return work.amount * each + work.fixed
        left, then = current.last or (1.0, current.began)
        return max(work.amount * left * each + work.fixed - (self.clock() - then), 0.0)

    def seconds_left(self) -> float:
        """Return the seconds that all stages still take, as many at a time as were done until now."""
        with self.lock:
            if self.clock() - self.looked > LOOK_SECONDS:
                self.look()
            seconds = {key: self.seconds_of(key) for key in self.work}
            at_once = max(self.spent / max(self.clock() - self.began, 1e-9), 1.0)
            if at_once == 1.0:
                return sum(seconds.values())
            longest: dict[str, float] = {}  # of a stage after those it needs
            for stage in self.stages:
                if stage.key in seconds:
                    before = max((longest.get(parent.key, 0.0) for parent in stage.parents), default=0.0)
                    longest[stage.key] = before + seconds[stage.key]
            return max(sum(seconds.values()) / at_once, *longest.values(), 0.0)

    def of(self, part: Part) -> dict[str, Work]:
        """Return the work of a part, by key."""
        return {key: work for key, work in self.work.items() if work.part == part}

    @property
    def unknown(self) -> list[str]:
        """The kinds of calls of whose time nothing is known, with what they are of if others of the kind are known."""
        with self.lock:
            calls = dict.fromkeys(work.calls for work in self.work.values() if work.amount)
            lacking = [one for one in calls if self.speeds.seconds(one) is None]
            known = {one.kind for one in calls if one not in lacking}
            return list(dict.fromkeys(f"{one.kind} ({one.of})" if one.kind in known else one.kind for one in lacking))

    def __str__(self) -> str:
        """What is left in words; empty if nothing is."""
        with self.lock:
            seconds, cells = self.seconds_left(), self.cells_left
            if not cells:
                return ""
            how = "more than" if self.unknown else "about"
            return f"{how} {duration(seconds)} left for {plural(cells, 'cell')}"
