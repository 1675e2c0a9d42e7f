"""A sweep in this process: each cell recorded as soon as it ends or fails.

Several processes may work on one folder: a cell one of whose stages another process works on is put off, and
taken up again once the others are done.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.records.measured import CLOSEST, PATHS, SAMPLES
from bench.records.pictures import (
    REAL_IMAGES,
    closest_name,
    full_length_name,
    paths_name,
    rows_of_pairs,
    rows_of_paths,
    sheet_png,
)
from bench.records.record import NewerRecord, Record, read_record, write_record
from bench.run.recording import failed_record, made_from, made_on, make_record
from bench.run.sweep import Cell, Sweep
from bench.run.worker import Worker
from bench.stages.sampling import read_samples
from bench.store import events
from bench.store.failures import Busy, StageFailed, reason
from bench.store.files import file_sha256
from bench.store.layout import RunFolder
from bench.store.packages import installed, sha256_of, write_packages
from bench.store.provenance import command_line, made_by
from bench.store.stage import Stage, with_descendants
from bench.store.store import Store
from sfddm.errors import InputError, WorkFailed

WAIT_SECONDS = 0.5

Elsewhere = Callable[[Callable[[Stage], None]], None]


def plan(sweep: Sweep, worker: Worker) -> Iterator[tuple[str, str, str, str]]:
    """Yield (state, stage or cell, why, key): every stage of the sweep once, then every cell."""
    for stage in sweep.stages:
        state, why = worker.state(stage)
        yield state, stage.label, why, stage.name
    for cell in sweep.cells:
        yield "record", str(cell), "", ""


def forced_stages(sweep: Sweep, names: Sequence[str]) -> list[Stage]:
    """Return the stages of some kinds or kind-keys, and all that need them. Raises InputError for an unknown name."""
    for name in names:
        if not any(name in (stage.kind, stage.name) for stage in sweep.stages):
            kinds, own = [stage.kind for stage in sweep.stages], [stage.name for stage in sweep.stages]
            raise InputError(f"--force: '{name}' given, possible: {', '.join(dict.fromkeys([*kinds, *own]))}")
    return list(with_descendants(sweep.stages, lambda stage: stage.kind in names or stage.name in names))


def run_sweep(sweep: Sweep, worker: Worker, elsewhere: Elsewhere | None = None) -> list[Record]:
    """Do every cell and return the records, in the order of the cells; a failed cell's has `failure`.

    elsewhere: has stages done by other processes, before this one does the rest. It calls what it is given with each
    stage that has ended: cells that this was the last of are recorded at once.
    """
    about = made_by() | {"machine": made_on(sweep.context, worker), "command": command_line()}
    about |= {"packages": sha256_of(installed())}
    write_packages(worker.store.run)
    with worker.timing.part("checking what is done"):
        worker.tidy(sweep.stages)
        worker.locks.tidy(worker.store.run.records / sweep.set_name)
        records = finished_records(sweep, worker)
    worker.display.count("cells", len(sweep.cells))
    for _ in records:
        worker.display.advance()
    waiting = [cell for cell in sweep.cells if cell not in records]
    if records:
        worker.display.say(f"{len(records)} of {len(sweep.cells)} cells are done already")

    def record(cell: Cell) -> None:
        records[cell] = run_cell(sweep, cell, worker, about)
        worker.display.advance()

    if elsewhere is not None and waiting:
        cells_of: dict[str, list[Cell]] = {}
        for cell in waiting:
            for stage in cell.stages:
                cells_of.setdefault(stage.key, []).append(cell)

        def ended(stage: Stage) -> None:
            for cell in cells_of.get(stage.key, []):
                if cell not in records and worker.is_settled(cell.stages):
                    record(cell)

        elsewhere(ended)
        waiting = [cell for cell in waiting if cell not in records]
    busy: set[str] = set()
    while waiting:
        put_off: list[Cell] = []
        for cell in waiting:
            try:
                record(cell)
            except Busy as error:
                put_off.append(cell)
                if str(error) not in busy:
                    worker.display.say(f"{cell}: waits for another process, which works on {error}")
                    busy.add(str(error))
        if len(put_off) == len(waiting):
            time.sleep(WAIT_SECONDS)
        waiting = put_off
    return [records[cell] for cell in sweep.cells]


def run_cell(sweep: Sweep, cell: Cell, worker: Worker, about: dict[str, Any]) -> Record:
    """Do a cell and record it, or why it failed. Raises Busy, and WorkFailed if the run cannot continue."""
    root = worker.store.run.root
    about_cell = {"method": cell.method, "steps": cell.steps, "seed": cell.seed, "budget": cell.budget}
    try:
        for stage in cell.stages:
            worker.ensure(stage)
        with worker.timing.part("records and pictures"):
            record = make_record(sweep, cell, worker, about)
            write_record(root, record, pictures(sweep, cell, worker.store))
    except (Busy, WorkFailed):
        raise
    except Exception as error:  # whatever it is, the other cells continue
        why = str(error) if isinstance(error, StageFailed) else reason(error)
        worker.display.say(f"{cell}: failed: {why}")
        events.add(worker.store.run, "not measured", **about_cell, why=why)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        record = failed_record(sweep, cell, about, why)
        try:
            write_record(root, record)
        except OSError as fault:
            worker.display.say(f"{cell}: not recorded: {reason(fault)}")
        return record
    value = "not measured" if record.distance is None else f"{record.distance:.2f}"
    worker.display.say(f"{cell}: {record.distance_name} {value}")
    found = {
        "distance": record.distance,
        "name": record.distance_name,
        "record": f"{record.set_name}/{record.name}.json",
    }
    events.add(worker.store.run, "measured", **about_cell, **found)
    return record


def finished_records(sweep: Sweep, worker: Worker) -> dict[Cell, Record]:
    """Return the records of the cells that are done, and recorded from the very stages that are there.

    A record that cannot be read is named and made again. Raises InputError for one of a newer schema.
    """
    found = {}
    for cell in sweep.cells:
        path = cell_record(sweep, cell, worker.store.run)
        if not path.exists():
            continue
        try:
            record = read_record(path)
        except NewerRecord:
            raise
        except InputError as error:
            worker.display.say(f"{error}; recorded again")
            continue
        if record.failure is None and has_pictures(record, path) and agrees(record, cell, worker.store):
            found[cell] = record
    return found


def cell_record(sweep: Sweep, cell: Cell, run: RunFolder) -> Path:
    """Return where a cell's record is, once it is done or failed."""
    return run.records / sweep.set_name / f"{cell.record_name}.json"


def agrees(record: Record, cell: Cell, store: Store) -> bool:
    """Tell whether all stages of a cell are done, and are those that its record was made from."""
    if not all(store.is_done(stage) for stage in cell.stages):
        return False
    return made_from(cell, store) == {"parents": record.parents, "durations": record.durations}


def has_pictures(record: Record, path: Path) -> bool:
    """Tell whether the pictures beside a record are there, and those that it was written with."""
    unsealed = {} if record.steps is None else {f"{path.stem}.png": None}  # as versions before there were seals left it
    named = record.pictures or unsealed
    return all(
        (beside := path.with_name(name)).is_file() and sha256 in (None, file_sha256(beside))
        for name, sha256 in named.items()
    )


def pictures(sweep: Sweep, cell: Cell, store: Store) -> dict[str, bytes]:
    """Return the pictures that belong beside a cell's record, by file name.

    The real images are those of all cells; the full-length ones, if there are any, those of a teacher and a seed.
    """
    found = {REAL_IMAGES: sweep.real_images}
    if cell.samples is not None:
        found[f"{cell.record_name}.png"] = sheet_png(read_samples(store.path(cell.samples, SAMPLES)))
    stage = cell.measures.get("interpolation")
    if stage is not None and store.is_done(stage):
        found[paths_name(cell.record_name)] = paths_png(store.path(stage, PATHS))
    judged = cell.measures["quality"]
    if store.is_done(judged) and (closest := store.path(judged, CLOSEST)).exists():
        pairs = np.load(closest, mmap_mode="r", allow_pickle=False)
        found[closest_name(cell.record_name)] = sheet_png(rows_of_pairs(pairs))
    for stage in cell.measures["consistency"].lineage if "consistency" in cell.measures else ():
        if stage.kind == "full-length" and store.is_done(stage):
            found[full_length_name(stage.key)] = sheet_png(read_samples(store.path(stage, SAMPLES)))
    return found


def paths_png(path: Path) -> bytes:
    """Return the first three pairs' interpolations: a row each, linear above spherical."""
    rows, points = rows_of_paths(np.load(path, mmap_mode="r", allow_pickle=False))
    return sheet_png(rows, columns=points)
