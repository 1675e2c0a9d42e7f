"""How far the sweeps of a run folder are: which cells are done, running, failed and missing. No torch here."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.config.counts import short
from bench.records.record import read_record
from bench.store.layout import RunFolder
from bench.store.lock import is_locked
from bench.store.requests import RequestedCell, RequestedSweep, read_requests
from bench.store.text import printable
from sfddm.errors import InputError

STATES = {"done": "green", "running": "yellow", "failed": "red", "missing": "dim"}


@dataclass(frozen=True)
class CellState:
    """One cell's state; note: the stage that runs, or why the cell failed."""

    cell: RequestedCell
    state: str
    note: str = ""


def requested(runs: Sequence[Path], complain: Callable[[str], None]) -> list[tuple[Path, Path, RequestedSweep]]:
    """Return the sweeps of run folders, each with its folder and file; what cannot be told is a line to `complain`."""
    found = []
    for run in runs:
        faults: list[str] = []
        own = read_requests(run, faults.append)
        if not own and not faults:
            faults = [f"no sweeps in '{run}'; start one with: sfddm-bench run --out {run}"]
        for fault in faults:
            complain(fault)
        found += [(run, path, sweep) for path, sweep in own.items()]
    return found


def sweep_status(root: Path, sweep: RequestedSweep) -> list[CellState]:
    """Return the state of each cell: done if recorded, running while a process computes a stage that it needs."""
    run = RunFolder(root)

    @cache
    def running(stage: str) -> str | None:
        folder = run.stage(stage)
        return (folder.label or stage) if is_locked(folder.path) else None

    found = []
    for cell in sweep.cells:
        failure = _failure(root / cell.record)
        works = [label for stage in cell.stages if (label := running(stage))]
        if failure == "":
            found.append(CellState(cell, "done"))
        elif works:
            found.append(CellState(cell, "running", works[0]))
        else:
            found.append(CellState(cell, "missing") if failure is None else CellState(cell, "failed", failure))
    return found


def _failure(path: Path) -> str | None:
    """Return why a cell failed, empty if it did not; None if it has no record. A broken record is a failure."""
    if not path.exists():
        return None
    try:
        return read_record(path).failure or ""
    except InputError as error:
        return str(error)


def as_values(path: Path, found: list[CellState]) -> dict[str, object]:
    """Return a sweep's cells as JSON values."""
    cells = [
        {
            "method": one.cell.method,
            "steps": one.cell.steps,
            "seed": one.cell.seed,
            "budget": one.cell.budget,
            "space": one.cell.space,
            "record": one.cell.record,
            "state": one.state,
            "note": one.note,
        }
        for one in found
    ]
    return {"run": str(path.parents[1]), "sweep": path.stem, "cells": cells}


def show(console: Console, path: Path, sweep: RequestedSweep, found: list[CellState]) -> None:
    """Print a sweep's counts, and a table of its cells unless all are done."""
    counts = {state: sum(one.state == state for one in found) for state in STATES}
    title = f"{sweep.dataset} {sweep.resolution}x{sweep.resolution}, scale {sweep.scale}"
    console.print(
        f"[bold]{escape(printable(title))}[/]: "
        + ", ".join(f"[{colour}]{counts[state]} {state}[/]" for state, colour in STATES.items())
        + f"  [dim]({escape(printable(str(path)))})[/]",
        soft_wrap=True,
    )
    if counts["done"] == len(found):
        return
    table = Table("method", "seed", *STATES)
    rows: dict[tuple[str, int], list[CellState]] = {}
    for one in found:
        rows.setdefault((_row(one.cell), one.cell.seed), []).append(one)
    for (name, seed), own in rows.items():
        steps = [_steps(one.cell.steps for one in own if one.state == state) for state in STATES]
        table.add_row(escape(printable(name)), str(seed), *steps)
    console.print(table)
    for state in ("running", "failed"):
        for note in dict.fromkeys(_noted(one) for one in found if one.state == state):
            console.print(printable(f"{state}: {note}"), style=STATES[state], markup=False, soft_wrap=True)


def _row(cell: RequestedCell) -> str:
    budget = None if cell.budget is None else short(cell.budget)
    return ", ".join(part for part in (cell.method, budget, cell.space and f"in {cell.space}") if part)


def _steps(counts: Iterable[int | None]) -> str:
    return ", ".join("-" if count is None else str(count) for count in counts)


def _noted(one: CellState) -> str:
    """The stage that runs is shared by many cells; a failure is one cell's own."""
    if one.state == "running":
        return one.note
    steps = "" if one.cell.steps is None else f", steps {one.cell.steps}"
    return f"{_row(one.cell)}{steps}, seed {one.cell.seed}: {one.note}"
