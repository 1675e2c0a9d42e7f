"""The order in which other processes are given a sweep's stages: each once those it needs are done. No torch."""

import time
from bisect import insort
from collections.abc import Callable, Sequence

from bench.store.stage import Stage, with_descendants

AGAIN_SECONDS = 0.5  # until a stage that another run works on is looked at again


class Walk:
    """The stages that are still to be done, of stages given parents first; true while there are any.

    A stage that was taken ends as `done`, `failed`, or `put_off`, after which it may be taken again.
    """

    def __init__(self, missing: Sequence[Stage]):
        self.left = {stage.key: stage for stage in missing}
        self._place = {key: place for place, key in enumerate(self.left)}
        self._needs = {
            key: {parent.key for parent in stage.parents} & self.left.keys() for key, stage in self.left.items()
        }
        self._children: dict[str, list[str]] = {}
        for key, needed in self._needs.items():
            for parent in needed:
                self._children.setdefault(parent, []).append(key)
        self._ready = [self._place[key] for key, needed in self._needs.items() if not needed]
        self._put_off: list[tuple[float, int]] = []
        self._stages = list(self.left.values())

    def __len__(self) -> int:
        return len(self.left)

    def take(self, suits: Callable[[Stage], bool] = lambda stage: True) -> Stage | None:
        """Return the first stage that may begin now and that suits, or None; it is not offered again."""
        now = time.monotonic()
        for when, place in [waiting for waiting in self._put_off if waiting[0] <= now]:
            self._put_off.remove((when, place))
            insort(self._ready, place)
        for number, place in enumerate(self._ready):
            if suits(self._stages[place]):
                del self._ready[number]
                return self._stages[place]
        return None

    def done(self, stage: Stage) -> None:
        """Take in that a stage is done: what needed nothing else may begin."""
        del self.left[stage.key]
        for key in self._children.get(stage.key, []):
            self._needs[key].discard(stage.key)
            if not self._needs[key] and key in self.left:
                insort(self._ready, self._place[key])

    def failed(self, stage: Stage) -> None:
        """Take in that a stage failed: neither it nor what needs it is to be done any more."""
        for lost in list(with_descendants(self.left.values(), lambda other: other.key == stage.key)):
            del self.left[lost.key]

    def put_off(self, stage: Stage) -> None:
        """Take in that another run works on a stage; it is offered again a little later."""
        self._put_off.append((time.monotonic() + AGAIN_SECONDS, self._place[stage.key]))
