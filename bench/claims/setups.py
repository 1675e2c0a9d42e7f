"""Setups: the records that claims may compare with each other, and how a claim finds its cells among them. No torch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.claims.effects import Effect, Pair, distance_ratios, has_distance
from bench.claims.training import Training, training
from bench.config.counts import short
from bench.config.methods import CONTROL, SINGLE_FOLD
from bench.config.variants import base_name
from bench.records.record import REAL, Record
from bench.store.files import digest
from sfddm.words import plural

STUDENT = SINGLE_FOLD
# What is no part of a setup's settings: those of methods, but for the compared ones', and what no claim reads.
APART = ("methods", "budget", "cost")


@dataclass(frozen=True)
class Setup:
    """Generated cells of one dataset under one configuration and budget; timesteps: the teacher's T.

    dataset: with its resolution. What is not trained is in the setups of all budgets. smaller: the setups that differ
    in a smaller budget alone, the largest first.
    """

    label: str
    dataset: str
    scale: str
    timesteps: int
    records: tuple[Record, ...]
    budget: int | None = None
    smaller: tuple["Setup", ...] = ()

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

    def controls(self, records: Sequence[Record], needs: Callable[[Record], bool] = has_distance) -> list[Pair]:
        """Return records beside the teacher itself: by the same sampler on the same timesteps, of the same latents."""
        teachers = [r for r in self.records if base_name(r.method) == CONTROL and needs(r)]
        there = {(r.seed, tuple(r.timesteps or ()), digest(r.sampling)): r for r in teachers}
        found = [(r, there.get((r.seed, tuple(r.timesteps or ()), digest(r.sampling)))) for r in records]
        return [(one, other) for one, other in found if other is not None and one.protocol == other.protocol]

    def ratios(self, cells: Mapping[str, Sequence[Pair]]) -> dict[str, Effect]:
        """Return the ratios of one comparison by what they are called, with the seeds that are left out."""
        return distance_ratios(cells, self.records)

    def trainings(self, records: Iterable[Record]) -> tuple[Training, ...]:
        """Return how the students among records were trained, by method and step count."""
        cells: dict[tuple[str, int | None], list[Record]] = {}
        for record in records:
            if record.trains:
                cells.setdefault((record.method, record.steps), []).append(record)
        return tuple(training(found, [setup.of(*cell) for setup in self.smaller]) for cell, found in cells.items())


def by_steps(pairs: Sequence[Pair], said: str) -> dict[str, list[Pair]]:
    """Return pairs grouped by their description and by the step count of the first, in increasing order."""
    cells: dict[str, list[Pair]] = {}
    for one, other in sorted(pairs, key=lambda pair: pair[0].steps or 0):
        cells.setdefault(f"{said}, at {plural(one.steps or 0, 'step')}", []).append((one, other))
    return cells


def setups(records: Iterable[Record]) -> list[Setup]:
    """Return the generated cells by dataset, resolution, scale, configuration and budget, in the order they come.

    Of the methods' settings only the student's and the control's tell setups apart.
    """
    apart: dict[tuple[str, str], dict[int | None, list[Record]]] = {}  # by settings and the student's, then by budget
    untrained: dict[str, list[Record]] = {}
    for record in records:
        if record.method == REAL:
            continue
        shared, own = digest(_shared(record)), digest(record.config.get("methods", {}).get(STUDENT, {}))
        if record.trains:
            apart.setdefault((shared, own), {}).setdefault(budget_of(record), []).append(record)
        else:
            untrained.setdefault(shared, []).append(record)
    for shared in untrained:
        if not any(key == shared for key, _ in apart):
            apart[shared, ""] = {None: []}
    found = []
    for (shared, own), by_budget in apart.items():
        smaller: tuple[Setup, ...] = ()
        for budget in sorted(by_budget, key=lambda budget: budget or 0):
            cells = (*untrained.get(shared, ()), *by_budget[budget])
            setup = Setup(digest([shared, own]), "", cells[0].scale, _timesteps(cells), cells, budget, smaller)
            found.append(replace(setup, dataset=f"{cells[0].dataset} {cells[0].resolution}x{cells[0].resolution}"))
            smaller = smaller if budget is None else (found[-1], *smaller)
    return _named(found)


def budget_of(record: Record) -> int | None:
    """Return the network evaluations that a student's training might make; None: as the settings say."""
    return record.budget if record.budget is not None else record.config.get("budget")


def _shared(record: Record) -> list[Any]:
    """Return what is equal in all records of a setup, whatever the budget and the student's own settings."""
    settings = {name: value for name, value in record.config.items() if name not in APART}
    control = record.config.get("methods", {}).get(CONTROL, {})
    return [record.dataset, record.dataset_sha256, record.resolution, record.scale, settings, control]


def _named(found: Sequence[Setup]) -> list[Setup]:
    """Return setups with a label in place of the hash of their settings, which is only part of it if it has to be."""
    names = [
        f"{one.dataset}, {one.scale}" + ("" if one.budget is None else f", a budget of {short(one.budget)}")
        for one in found
    ]
    return [
        replace(one, label=name + (f" ({one.label[:8]})" if names.count(name) > 1 else ""))
        for one, name in zip(found, names, strict=True)
    ]


def _timesteps(records: Sequence[Record]) -> int:
    """Return T. A teacher from a file has its own, which the trailing grids end at."""
    teacher = records[0].config["teacher"]
    visited = [record.timesteps[-1] + 1 for record in records if record.timesteps]
    return max(visited) if teacher.get("weights") and visited else int(teacher["timesteps"])
