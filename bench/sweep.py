"""A sweep: the cells of methods x steps x seeds, done one after the other, each recorded as soon as it ends."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench import machine
from bench.cells import Cell, Sweep
from bench.latent_stages import PATHS
from bench.pictures import write_grid
from bench.recording import make_record
from bench.records import Record, write_record
from bench.sampling import read_samples
from bench.stages import Store

PATHS_SHOWN = 3


def plan(sweep: Sweep, store: Store) -> Iterator[tuple[str, str, str]]:
    """Yield (state, stage or cell, key): every stage of the sweep once, then every cell."""
    seen: set[str] = set()
    for cell in sweep.cells:
        for stage in sweep.stages(cell):
            if stage.key not in seen:
                seen.add(stage.key)
                yield store.state(stage), stage.label, f"{stage.kind}-{stage.key}"
    for cell in sweep.cells:
        yield "record", str(cell), ""


def run_sweep(sweep: Sweep, store: Store) -> list[Record]:
    """Do every cell and return the records."""
    about = {"versions": machine.versions(), "machine": machine.machine(store.device), "git": machine.git_revision()}
    records = []
    store.display.count("cells", len(sweep.cells))
    for cell in sweep.cells:
        for stage in sweep.stages(cell):
            store.ensure(stage)
        record = make_record(sweep, cell, store, about)
        path = write_record(store.root, record)
        if cell.steps is not None:
            write_grid(sample_pixels(sweep, cell, store), path.with_suffix(".png"))
            write_paths(sweep, cell, store, path.with_name(f"{path.stem}-interpolation.png"))
        records.append(record)
        store.display.advance()
        value = "not measured" if record.quality is None else f"{record.quality:.2f}"
        store.display.say(f"{cell}: {record.quality_name} {value}")
    return records


def sample_pixels(sweep: Sweep, cell: Cell, store: Store) -> np.ndarray:
    """Return a done cell's images, uint8 (N,C,H,W), memory-mapped."""
    assert cell.steps is not None
    stage = sweep.pipeline.samples(sweep.config.method(cell.method), cell.steps, cell.seed)
    return read_samples(store.folder(stage))


def write_paths(sweep: Sweep, cell: Cell, store: Store, path: Path) -> None:
    """Write the first three pairs' interpolations, where they are done: a row each, linear above spherical."""
    stage = sweep.measurements(cell)["interpolation"]
    if store.is_done(stage):
        pixels = np.load(store.folder(stage) / PATHS, mmap_mode="r")  # (kinds, paths, points, C, H, W)
        rows = pixels[:, :PATHS_SHOWN].swapaxes(0, 1)
        write_grid(rows.reshape(-1, *pixels.shape[3:]), path, columns=pixels.shape[2])
