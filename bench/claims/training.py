"""Whether students were trained for long enough to be judged: their share, and what doubling it still moves. No torch.

A student that is still getting better shows how long it was trained, not what the method can do. So it decides nothing
below a fifth of its teacher's images, or where twice the training would still move its distance by more than 5 %. This
is measured where there are two budgets; with one alone it is not known, and the student has to have seen as many images
as its teacher.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from bench.claims.effects import has_distance, positive
from bench.config.counts import short
from bench.records.record import Record
from bench.statistics import LEAST_SEEDS, paired
from bench.store.text import percent

LEAST_SHARE = 0.20  # of the teacher's images; the authors give 20 % on CIFAR-10, and 55 % and more elsewhere
FULL_SHARE = 1.0  # that stands for a doubling that was not measured
SETTLED = 0.05  # a doubling that moves the distance by more finds it still moving


@dataclass(frozen=True)
class Doubling:
    """By which factor twice the training multiplies the distance, from the cells at two budgets over so many seeds."""

    factor: float
    smaller: int
    larger: int
    seeds: int

    @property
    def text(self) -> str:
        """The doubling as `doubling moves the distance by -6.1 % (500k to 2M, 3 seeds)`."""
        between = f"{short(self.smaller)} to {short(self.larger)}, {self.seeds} seeds"
        return f"doubling moves the distance by {100 * (self.factor - 1):+.1f} % ({between})"


@dataclass(frozen=True)
class Training:
    """How the students of a cell were trained. share: the least over seeds, None if it is not known."""

    method: str
    share: float | None
    init: str | None
    budget: int | None
    doubling: Doubling | None

    @property
    def text(self) -> str:
        """The training in words: `on 106 % of its teacher's images from random weights, doubling moves ...`."""
        moved = "the doubling not measured" if self.doubling is None else self.doubling.text
        return f"on {self.seen}{self.begins}, {moved}"

    @property
    def seen(self) -> str:
        """The share of the teacher's images in words."""
        return (
            "an unknown share of its teacher's images"
            if self.share is None
            else f"{percent(self.share)} % of its teacher's images"
        )

    @property
    def begins(self) -> str:
        """What the student began with, in words; empty if that is not known."""
        own = "its teacher's weights"
        words = {"random": "random weights", "teacher": own, "teacher, new head": f"{own} with a new head"}
        return "" if self.init is None else f" from {words.get(self.init, self.init)}"

    @property
    def lacks(self) -> str:
        """Why such students decide nothing; empty if they may decide."""
        has = f"(has: {'unknown' if self.share is None else percent(self.share) + ' %'})"
        if self.share is not None and self.share < LEAST_SHARE:
            return f"{self.method} trained on at least {percent(LEAST_SHARE)} % of its teacher's images {has}"
        if self.doubling is None and (self.share is None or self.share < FULL_SHARE):
            return (
                f"{self.method} at a second budget, to see what doubling the training moves, or trained on as many "
                f"images as its teacher {has}"
            )
        if self.doubling is not None and abs(self.doubling.factor - 1) > SETTLED:
            asked = f"until {100 * SETTLED:g} % or less is left to a doubling"
            return f"{self.method} trained {asked} (has: {self.doubling.text})"
        return ""


def training(records: Sequence[Record], smaller: Sequence[Sequence[Record]]) -> Training:
    """Return how the students of a cell were trained. smaller: the same cell at smaller budgets, the largest first."""
    shares = [record.share for record in records if record.share is not None]
    share = min(shares) if len(shares) == len(records) else None
    first = records[0]
    moved = (doubling(before, records) for before in smaller)
    return Training(first.method, share, first.init, first.budget, next((found for found in moved if found), None))


def doubling(before: Sequence[Record], after: Sequence[Record]) -> Doubling | None:
    """Return what a doubling moves between two budgets of one cell; None without enough seeds that both have."""
    if not before or not after or before[0].budget is None or after[0].budget is None:
        return None
    smaller, larger = before[0].budget, after[0].budget
    logs = paired(*({one.seed: positive(one) for one in side if has_distance(one)} for side in (after, before)))
    if len(logs) < LEAST_SEEDS or larger <= smaller:
        return None
    return Doubling(math.exp(fmean(logs.values()) / math.log2(larger / smaller)), smaller, larger, len(logs))


def together(trainings: Iterable[Training]) -> list[Training]:
    """Return one training for each method, as little as any of its own: the least share, the largest movement."""
    found: dict[str, Training] = {}
    for one in trainings:
        known = found.setdefault(one.method, one)
        share = None if known.share is None or one.share is None else min(known.share, one.share)
        moved = [each.doubling for each in (known, one)]
        most = None if None in moved else max(filter(None, moved), key=lambda each: abs(each.factor - 1))
        found[one.method] = replace(known, share=share, doubling=most)
    return list(found.values())
