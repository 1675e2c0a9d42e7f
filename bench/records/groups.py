"""Which records may stand in one table or plot: of one dataset, protocol, device and budget of training."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.config.counts import short
from bench.records.record import REAL, Record
from sfddm.errors import InputError
from sfddm.words import plural

# The floor is one half of the data against the other: its image counts, reference and subsets are its own, and no time
# is measured of it.
FLOORS_OWN = ("images", "reference", "reference_sha256", "reference_images", "kid_subset_size")
UNKNOWN = "not recorded"
Key = tuple[object, ...]


@dataclass(frozen=True)
class Group:
    """Records that may share a column, in the order of their paths; stem: the name of their files.

    family: the stem that groups share which differ in their budget alone; empty for a part of a group.
    """

    stem: str
    records: tuple[Record, ...]
    family: str = ""

    @property
    def first(self) -> Record:
        """A record that speaks for the group: one with measurements, if there is one."""
        return next((r for r in self.records if r.failure is None and r.method != REAL), self.records[0])

    @property
    def budget(self) -> int | None:
        """The network evaluations that each training might make; None: as the settings say, or nothing is trained."""
        return _budget(self.records)

    @property
    def cells(self) -> list[Record]:
        """The generated cells that were measured."""
        return [record for record in self.records if record.failure is None and record.method != REAL]

    @property
    def floors(self) -> list[Record]:
        """The real data's own values, one per seed."""
        return [record for record in self.records if record.failure is None and record.method == REAL]


def device_class(record: Record) -> str:
    """Return what a record was measured on: the GPU by name, or the CPU by name with its threads."""
    machine = record.machine
    if machine.get("gpu"):
        return str(machine["gpu"])
    parts = [str(machine["processor"])] if machine.get("processor") else []
    threads = machine.get("threads")
    parts += [plural(threads, "thread")] if threads else []
    return f"CPU ({', '.join(parts)})" if parts else "CPU"


def conditions(record: Record) -> dict[str, object]:
    """Return, by name, all that must be equal in one column. A record without a protocol has what it says of one."""
    fields: dict[str, object] = {
        "dataset": record.dataset,
        "resolution": record.resolution,
        "scale": record.scale,
        "feature space": record.feature_space,
        "device": device_class(record),
        "budget": record.budget,
    }
    if record.protocol is not None:
        return fields | {f"protocol.{name}": value for name, value in record.protocol.model_dump().items()}
    return fields | {
        "protocol": UNKNOWN,
        "protocol.images": image_counts(record)[0],
        "protocol.reference_images": image_counts(record)[1],
        "protocol.reference_sha256": record.dataset_sha256,
    }


def obstacles(one: Record, other: Record) -> list[str]:
    """Return `field: this | that` for everything that forbids two records one column.

    A failed cell without a protocol may stand under any, and what is not trained beside any budget. The real data's own
    values are compared with the others without image counts, reference and device; but what its held-out images would
    get in a cell's place is that of cells with as many images.
    """
    mine, theirs = conditions(one), conditions(other)
    free: set[str] = set() if one.trains and other.trains else {"budget"}
    if any(record.failure is not None and record.protocol is None for record in (one, other)):
        free |= {name for name in [*mine, *theirs] if name.startswith("protocol")}
    elif REAL in (one.method, other.method):
        free |= {"device"} | {f"protocol.{name}" for name in FLOORS_OWN}
        if None not in (one.stands_for, other.stands_for):
            mine, theirs = mine | {"images of a cell": one.stands_for}, theirs | {"images of a cell": other.stands_for}
    names = [name for name in {**mine, **theirs} if name not in free]
    return [
        f"{name}: {mine.get(name, UNKNOWN)} | {theirs.get(name, UNKNOWN)}"
        for name in names
        if mine.get(name, UNKNOWN) != theirs.get(name, UNKNOWN)
    ]


def check_one_column(records: Sequence[Record]) -> None:
    """Raise InputError, naming the fields, if records differ in what must be equal in one column."""
    speaker = next((r for r in records if r.failure is None and r.method != REAL), records[0])
    for record in records:
        if _key(record) != _key(speaker) and (found := obstacles(speaker, record)):
            raise InputError(f"these records cannot share a table's column: {'; '.join(found)}")


def groups(records: Iterable[Record]) -> list[Group]:
    """Return records apart by dataset, resolution, scale, feature space, protocol, device and budget, by their names.

    Failed cells, what is not trained, and the real data's own values join every group that they may stand in. Those
    values are taken once if several folders have them.
    """
    apart: dict[Key, list[Record]] = {}
    loose: list[Record] = []
    floors: set[str] = set()
    place: dict[int, tuple[bool, int]] = {}  # of a record in its groups
    for number, record in enumerate(records):
        if record.method == REAL:
            if record.key in floors:
                continue
            floors.add(record.key)
        joins = record.method == REAL or (record.failure is not None and record.protocol is None)
        place[id(record)] = joins, number
        loose.append(record) if joins or not record.trains else apart.setdefault(_key(record), []).append(record)
    leaders = {key: found[0] for key, found in apart.items()}
    loose.sort(key=lambda record: place[id(record)])  # what was measured may make a group, which others then join
    for record in loose:
        homes = [apart[key] for key, leader in leaders.items() if not obstacles(leader, record)]
        for home in homes or [apart.setdefault(_key(record), [])]:
            home.append(record)
        if not homes and not place[id(record)][0]:
            leaders.setdefault(_key(record), record)
    for found in apart.values():
        found.sort(key=lambda record: place[id(record)])
    wide: dict[Key, list[Record]] = {}  # groups that differ in their budget alone, together
    for key, records_of_group in apart.items():
        wide.setdefault(key[:-1], []).extend(records_of_group)
    families = dict(zip(wide, _stems(list(wide.values()), budgets=False), strict=True))
    stems = _stems(list(apart.values()))
    named = [Group(stem, tuple(apart[key]), families[key[:-1]]) for stem, key in zip(stems, apart, strict=True)]
    return sorted(named, key=lambda group: (group.records[0].set_name, group.budget or 0, group.stem))


def _key(record: Record) -> Key:
    """Return what `conditions` says as a hashable: the same for records that may share a column, and quick.

    The budget is its last part.
    """
    protocol = record.protocol or (*image_counts(record), record.dataset_sha256)
    head = (record.dataset, record.resolution, record.scale, record.feature_space, device_class(record))
    return (*head, protocol, record.budget)


def _budget(records: Sequence[Record]) -> int | None:
    return next((record.budget for record in records if record.budget is not None), None)


def _stems(found: Sequence[Sequence[Record]], budgets: bool = True) -> list[str]:
    """Return the stem of each group: <dataset>-<resolution>-<scale>[-<budget>], and more only if several share it."""
    sharing: dict[str, list[int]] = {}
    for number, records in enumerate(found):
        budget = _budget(records) if budgets else None
        told = "" if budget is None else f"-{short(budget)}"
        sharing.setdefault(f"{records[0].set_name}{told}", []).append(number)
    stems = [""] * len(found)
    for stem, numbers in sharing.items():
        aspects = [[_aspect(found[number], kind) for number in numbers] for kind in range(3)]
        told_apart = [aspect for aspect in aspects if len(set(aspect)) > 1]
        for position, number in enumerate(numbers):
            stems[number] = "-".join([stem, *(aspect[position] for aspect in told_apart)])
    return stems


def _aspect(records: Sequence[Record], number: int) -> str:
    first = next((r for r in records if r.failure is None and r.method != REAL), records[0])
    if number == 0:
        return _slug(first.feature_space)
    if number == 1:
        return _slug(device_class(first))
    if first.protocol is not None:
        return first.protocol.sha256[:8]
    images, reference_images = image_counts(first)
    return f"no-protocol-{images}-{reference_images}-{first.dataset_sha256[:8]}"


def image_counts(record: Record) -> tuple[int | None, int | None]:
    """Return how many generated images a record was measured on, and how many real ones; None if neither was."""
    return (record.quality.images, record.quality.reference_images) if record.quality else (None, None)


def _slug(text: str) -> str:
    """Return a text as part of a file name."""
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
