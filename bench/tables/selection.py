"""Which rows and columns of tables are written: some methods, some step counts, or all."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.config.variants import base_name, canonical
from bench.records.groups import Group
from bench.records.record import REAL, Record
from bench.records.rows import place
from bench.store.files import digest
from bench.tables.published import Series
from sfddm.errors import InputError

LONGEST_STEM = 100  # characters of what a selection adds to the name of a file


@dataclass(frozen=True)
class Selection:
    """The methods and step counts that are shown; None: all."""

    methods: tuple[str, ...] | None = None
    steps: tuple[int, ...] | None = None

    def shows(self, record: Record) -> bool:
        """Tell whether a record is shown; the real data's own values always are."""
        chosen = self.methods is None or record.method in self.methods
        return record.method == REAL or (chosen and (self.steps is None or record.steps in self.steps))

    def of(self, found: Sequence[Group]) -> list[Group]:
        """Return groups with what is chosen of each, under stems that say so; those with none of it are left out.

        Raises InputError for what no record has, or no record of a chosen method.
        """
        if self.methods is None and self.steps is None:
            return list(found)
        records = [record for group in found for record in group.records if record.method != REAL]
        there = sorted({record.method for record in records}, key=place)
        for name in self.methods or ():
            if name not in there:
                raise InputError.unknown("--methods", name, there)
        mine = [record for record in records if self.methods is None or record.method in self.methods]
        counts = sorted({record.steps for record in mine if record.steps is not None})
        for count in self.steps or ():
            if count not in counts:
                raise InputError(f"--steps: {count} given, possible: {', '.join(map(str, counts))}")
        shown = [Group(f"{group.stem}-{self.stem}", tuple(filter(self.shows, group.records))) for group in found]
        return [group for group in shown if any(record.method != REAL for record in group.records)]

    def of_published(self, series: Sequence[Series]) -> list[Series]:
        """Return the published values that stand beside what is chosen."""
        names = None if self.methods is None else {base_name(name) for name in self.methods}
        return [
            one.model_copy(
                update={"values": {n: value for n, value in one.values.items() if not self.steps or n in self.steps}}
            )
            for one in series
            if names is None or one.method in names
        ]

    @property
    def stem(self) -> str:
        """What it adds to the names of files; the same for the same choice in any order."""
        methods = [] if self.methods is None else ["methods", *sorted(self.methods, key=place)]
        steps = [] if self.steps is None else ["steps", *map(str, sorted(self.steps))]
        text = "-".join([*methods, *steps])
        safe = "-".join("".join(c if c.isalnum() or c in "._=" else " " for c in text).split())
        return safe if len(safe) <= LONGEST_STEM else f"{safe[:LONGEST_STEM]}-{digest({'text': text})[:8]}"


def selection(methods: Sequence[str] | None, steps: Sequence[int] | None) -> Selection:
    """Return the selection of what options name. Raises InputError for a name that is no variant's."""
    chosen = None if methods is None else tuple(dict.fromkeys(map(canonical, methods)))
    return Selection(chosen, None if steps is None else tuple(steps))
