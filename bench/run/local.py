"""A sweep: the cells of methods x steps x seeds, each recorded as soon as it ends or fails.

Several processes may work on one folder: a cell one of whose stages another process works on is put off, and
taken up again once the others are done.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.records.pictures import write_grid
from bench.records.record import NewerRecord, Record, cell_name, read_record, set_name, write_record
from bench.run.recording import cell_key, failed_record, made_from, made_on, make_record, record_path
from bench.run.sweep import Cell, Sweep
from bench.stages.latent_stages import PATHS
from bench.stages.sampling import read_samples
from bench.store import provenance
from bench.store.failures import StageFailed, reason
from bench.store.requests import WantedCell, WantedSweep
from bench.store.store import Busy, Stage, Store
from sfddm.errors import InputError, WorkFailed

WAIT_SECONDS = 0.5

PATHS_SHOWN = 3


def stages(sweep: Sweep) -> list[Stage]:
    """Return every stage of a sweep once, parents before what needs them."""
    found: dict[str, Stage] = {}
    for cell in sweep.cells:
        found |= {stage.key: stage for stage in sweep.stages(cell) if stage.key not in found}
    return list(found.values())


def plan(sweep: Sweep, store: Store) -> Iterator[tuple[str, str, str, str]]:
    """Yield (state, stage or cell, why, key): every stage of the sweep once, then every cell."""
    for stage in stages(sweep):
        state, why = store.state(stage)
        yield state, stage.label, why, stage.name
    for cell in sweep.cells:
        yield "record", str(cell), "", ""


def forced_stages(sweep: Sweep, names: Sequence[str]) -> list[Stage]:
    """Return the stages of some kinds or kind-keys, and all that need them. Raises InputError for an unknown name."""
    every = stages(sweep)
    for name in names:
        if not any(name in (stage.kind, stage.name) for stage in every):
            possible = dict.fromkeys([*(stage.kind for stage in every), *(stage.name for stage in every)])
            raise InputError(f"--force: '{name}' given, possible: {', '.join(possible)}")
    keys: set[str] = set()
    for stage in every:
        if stage.kind in names or stage.name in names or any(parent.key in keys for parent in stage.parents):
            keys.add(stage.key)
    return [stage for stage in every if stage.key in keys]


def run_sweep(sweep: Sweep, store: Store) -> list[Record]:
    """Do every cell and return the records, in the order of the cells; a failed cell's has `failure`."""
    about = store.made_by | {"machine": made_on(sweep, store), "command": provenance.command_line()}
    with store.parts.part("checking what is done"):
        records = finished_records(sweep, store)
    store.display.count("cells", len(sweep.cells))
    for _ in records:
        store.display.advance()
    waiting = [cell for cell in sweep.cells if cell not in records]
    if records:
        store.display.say(f"{len(records)} of {len(sweep.cells)} cells are done already")
    busy: set[str] = set()
    while waiting:
        put_off: list[Cell] = []
        for cell in waiting:
            try:
                records[cell] = run_cell(sweep, cell, store, about)
                store.display.advance()
            except Busy as error:
                put_off.append(cell)
                if str(error) not in busy:
                    store.display.say(f"{cell}: waits for another process, which works on {error}")
                    busy.add(str(error))
        if len(put_off) == len(waiting):
            time.sleep(WAIT_SECONDS)
        waiting = put_off
    return [records[cell] for cell in sweep.cells]


def run_cell(sweep: Sweep, cell: Cell, store: Store, about: dict[str, Any]) -> Record:
    """Do a cell and record it, or why it failed. Raises Busy, and WorkFailed where the run cannot go on."""
    try:
        for stage in sweep.stages(cell):
            store.ensure(stage)
        with store.parts.part("records and pictures"):
            record = make_record(sweep, cell, store, about)
            path = write_record(store.root, record)
            if cell.steps is not None:
                write_grid(sample_pixels(sweep, cell, store), path.with_suffix(".png"))
                write_paths(sweep, cell, store, path.with_name(f"{path.stem}-interpolation.png"))
    except (Busy, WorkFailed):
        raise
    except Exception as error:  # whatever it is, the other cells go on
        why = str(error) if isinstance(error, StageFailed) else reason(error)
        store.display.say(f"{cell}: failed: {why}")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        record = failed_record(sweep, cell, about, why)
        try:
            write_record(store.root, record)
        except OSError as fault:
            store.display.say(f"{cell}: not recorded: {reason(fault)}")
        return record
    value = "not measured" if record.quality is None else f"{record.quality:.2f}"
    store.display.say(f"{cell}: {record.quality_name} {value}")
    return record


def finished_records(sweep: Sweep, store: Store) -> dict[Cell, Record]:
    """Return the records of the cells that are done, and recorded from the very stages that are there.

    A record that cannot be read is named and made again. Raises InputError for one of a newer schema.
    """
    found = {}
    for cell in sweep.cells:
        path = record_path(sweep, cell, store)
        if not path.exists():
            continue
        try:
            record = read_record(path)
        except NewerRecord:
            raise
        except InputError as error:
            store.display.say(f"{error}; recorded again")
            continue
        picture = cell.steps is None or path.with_suffix(".png").exists()
        if record.failure is None and picture and agrees(record, sweep, cell, store):
            found[cell] = record
    return found


def agrees(record: Record, sweep: Sweep, cell: Cell, store: Store) -> bool:
    """Tell whether all stages of a cell are done, and are those that its record was made from."""
    if not all(store.is_done(stage) for stage in sweep.stages(cell)):
        return False
    return made_from(sweep, cell, store) == {"parents": record.parents, "durations": record.durations}


def wanted(sweep: Sweep, store: Store) -> WantedSweep:
    """Return what a sweep asks for: its cells, each with the record it will have and the stages it needs."""
    config, records = sweep.config, set_name(sweep.images.name, sweep.config.resolution, sweep.config.scale)
    cells = []
    for cell in sweep.cells:
        name = cell_name(cell.method, cell.steps, cell.seed, cell_key(sweep, cell))
        folders = tuple(store.folder(stage).name for stage in sweep.stages(cell))
        cells.append(WantedCell(method=cell.method, steps=cell.steps, seed=cell.seed,
                                record=f"records/{records}/{name}.json", stages=folders))  # fmt: skip
    return WantedSweep(dataset=sweep.images.name, resolution=config.resolution, scale=config.scale, cells=tuple(cells))


def sample_pixels(sweep: Sweep, cell: Cell, store: Store) -> np.ndarray:
    """Return a done cell's images, uint8 (N,C,H,W), memory-mapped."""
    assert cell.steps is not None
    stage = sweep.pipeline.samples(sweep.config.method(cell.method), cell.steps, cell.seed)
    return read_samples(store.folder(stage))


def write_paths(sweep: Sweep, cell: Cell, store: Store, path: Path) -> None:
    """Write the first three pairs' interpolations, where they are done: a row each, linear above spherical."""
    stage = sweep.measurements(cell)["interpolation"]
    if store.is_done(stage):
        pixels = np.load(
            store.folder(stage) / PATHS, mmap_mode="r", allow_pickle=False
        )  # (kinds, paths, points, C, H, W)
        rows = pixels[:, :PATHS_SHOWN].swapaxes(0, 1)
        write_grid(rows.reshape(-1, *pixels.shape[3:]), path, columns=pixels.shape[2])
