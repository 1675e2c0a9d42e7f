"""The order in which other processes are given a sweep's stages: each once those it needs are done. No torch."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush

from bench.store.stage import Stage, with_descendants

AGAIN_SECONDS = 0.5  # until a stage that another run works on is looked at again


class Walk:
    """The stages that are still to be done, of stages given parents first; true while there are any.

    A stage that continues another's training begins after it, or, if that one failed, does all of it itself. A stage
    that was taken ends as `done`, `failed`, or `put_off`, after which it may be taken again. is_alone: divides the
    stages into two that are taken apart, each in the order of the plan; of thousands, none is looked at twice.
    """

    def __init__(self, missing: Sequence[Stage], is_alone: Callable[[Stage], bool] = lambda stage: False):
        self.left = {stage.key: stage for stage in missing}
        self._is_alone = is_alone
        self._stages = list(self.left.values())
        self._place = {key: place for place, key in enumerate(self.left)}
        self._needs = {
            key: {parent.key for parent in stage.parents} & self.left.keys() for key, stage in self.left.items()
        }
        for stage in missing:
            if stage.goes_on is not None and stage.goes_on.key in self.left:
                self._needs[stage.goes_on.key].add(stage.key)
        self._children = defaultdict[str, list[str]](list)
        self._ready: dict[bool, list[int]] = {False: [], True: []}  # heaps of places, by whether they are done alone
        self._put_off: list[tuple[float, int]] = []  # a heap of (when it is offered again, its place)
        for key, needed in self._needs.items():
            for parent in needed:
                self._children[parent].append(key)
            if not needed:
                self._offer(self._place[key])

    def __len__(self) -> int:
        return len(self.left)

    def take(self, alone: bool = False) -> Stage | None:
        """Return the first stage that may begin now, of those that are done alone or of the others; or None.

        It is not offered again.
        """
        now = time.monotonic()
        while self._put_off and self._put_off[0][0] <= now:
            self._offer(heappop(self._put_off)[1])
        ready = self._ready[alone]
        return self._stages[heappop(ready)] if ready else None

    def done(self, stage: Stage) -> None:
        """Take in that a stage is done: what needed nothing else may begin."""
        del self.left[stage.key]
        self._free(self._children[stage.key], stage)

    def failed(self, stage: Stage) -> None:
        """Take in that a stage failed: neither it nor what needs it is to be done any more."""
        for lost in list(with_descendants(self.left.values(), lambda other: other.key == stage.key)):
            del self.left[lost.key]
            self._free([lost.goes_on.key] if lost.goes_on else [], lost)

    def put_off(self, stage: Stage) -> None:
        """Take in that another run works on a stage; it is offered again a little later."""
        heappush(self._put_off, (time.monotonic() + AGAIN_SECONDS, self._place[stage.key]))

    def _free(self, waiting: Iterable[str], ended: Stage) -> None:
        """Offer those of some stages that waited for nothing else."""
        for key in waiting:
            if key in self.left:
                self._needs[key].discard(ended.key)
            if key in self.left and not self._needs[key]:
                self._offer(self._place[key])

    def _offer(self, place: int) -> None:
        heappush(self._ready[self._is_alone(self._stages[place])], place)
