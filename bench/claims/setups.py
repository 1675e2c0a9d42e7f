"""Setups: the records that claims may compare with each other, and how a claim finds its cells among them. No torch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.claims.effects import Effect, Pair, distance_ratios, has_distance
from bench.config.variants import base_name
from bench.records.record import REAL, Record
from bench.store.files import digest
from sfddm.words import plural

CONTROL = "ddim"


@dataclass(frozen=True)
class Setup:
    """Generated cells of one dataset under one configuration; timesteps: the teacher's T."""

    label: str
    dataset: str
    scale: str
    timesteps: int
    records: tuple[Record, ...]

    def of(self, method: str, steps: int | None = None, needs: Callable[[Record], bool] = has_distance) -> list[Record]:
        """Return a method's records, at one step count or all, that have what is needed; one per steps and seed."""
        chosen = [r for r in self.records if r.method == method and steps in (None, r.steps) and needs(r)]
        return list({(record.steps, record.seed): record for record in chosen}.values())

    def steps(self, method: str, needs: Callable[[Record], bool] = has_distance) -> list[int]:
        """Return the step counts of a method, increasing."""
        return sorted({record.steps for record in self.of(method, needs=needs) if record.steps is not None})

    def pairs(self, records: Sequence[Record], others: Sequence[Record]) -> list[Pair]:
        """Return records beside the others of the same seed and step count under the same protocol."""
        there = {(other.seed, other.steps): other for other in others}
        found = [(record, there.get((record.seed, record.steps))) for record in records]
        return [(one, other) for one, other in found if other is not None and one.protocol == other.protocol]

    def controls(self, records: Sequence[Record]) -> list[Pair]:
        """Return records beside the teacher itself: by the same sampler on the same timesteps, of the same latents."""
        teachers = [r for r in self.records if base_name(r.method) == CONTROL and has_distance(r)]
        there = {(r.seed, tuple(r.timesteps or ()), digest(r.sampling)): r for r in teachers}
        found = [(r, there.get((r.seed, tuple(r.timesteps or ()), digest(r.sampling)))) for r in records]
        return [(one, other) for one, other in found if other is not None and one.protocol == other.protocol]

    def ratios(self, cells: Mapping[str, Sequence[Pair]]) -> dict[str, Effect]:
        """Return the ratios of one comparison by what they are called, with the seeds that are left out."""
        return distance_ratios(cells, self.records)


def by_steps(pairs: Sequence[Pair], said: str) -> dict[str, list[Pair]]:
    """Return pairs grouped by their description and by the step count of the first, in increasing order."""
    cells: dict[str, list[Pair]] = {}
    for one, other in sorted(pairs, key=lambda pair: pair[0].steps or 0):
        cells.setdefault(f"{said}, at {plural(one.steps or 0, 'step')}", []).append((one, other))
    return cells


def setups(records: Iterable[Record]) -> list[Setup]:
    """Return the generated cells by dataset, resolution, scale and configuration, in the order they come."""
    apart: dict[str, list[Record]] = {}
    for record in records:
        if record.method != REAL:
            identity = [record.dataset, record.dataset_sha256, record.resolution, record.scale, record.config]
            apart.setdefault(digest(identity), []).append(record)
    names = [_name(found[0]) for found in apart.values()]
    return [
        Setup(
            label=_name(found[0]) + (f" ({key[:8]})" if names.count(_name(found[0])) > 1 else ""),
            dataset=found[0].dataset,
            scale=found[0].scale,
            timesteps=_timesteps(found),
            records=tuple(found),
        )
        for key, found in apart.items()
    ]


def _name(record: Record) -> str:
    return f"{record.dataset} {record.resolution}x{record.resolution}, {record.scale}"


def _timesteps(records: Sequence[Record]) -> int:
    """Return T. A teacher from a file has its own, which the trailing grids end at."""
    teacher = records[0].config["teacher"]
    visited = [record.timesteps[-1] + 1 for record in records if record.timesteps]
    return max(visited) if teacher.get("weights") and visited else int(teacher["timesteps"])
