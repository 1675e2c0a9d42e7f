"""A sweep: the cells of methods x steps x seeds, done one after the other, each recorded as soon as it ends."""

from collections.abc import Iterator

import numpy as np

from bench import machine
from bench.cells import Cell, Sweep
from bench.pictures import write_grid
from bench.recording import make_record
from bench.records import Record, write_record
from bench.stages import Store


def plan(sweep: Sweep, store: Store) -> Iterator[tuple[str, str, str]]:
    """Yield (state, stage or cell, key): every stage of the sweep once, then every cell."""
    seen: set[str] = set()
    for cell in sweep.cells:
        for stage in sweep.stages(cell, store.device):
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
        for stage in sweep.stages(cell, store.device):
            store.ensure(stage)
        with store.parts.part("records and pictures"):
            record = make_record(sweep, cell, store, about)
            path = write_record(store.root, record)
            if cell.steps is not None:
                write_grid(sample_pixels(sweep, cell, store), path.with_suffix(".png"))
        records.append(record)
        store.display.advance()
        store.display.say(f"{cell}: {record.quality_name} {record.quality:.2f}")
    return records


def sample_pixels(sweep: Sweep, cell: Cell, store: Store) -> np.ndarray:
    """Return a done cell's images, uint8 (N,C,H,W), memory-mapped."""
    assert cell.steps is not None
    stage = sweep.pipeline.samples(sweep.config.method(cell.method), cell.steps, cell.seed)
    return np.load(store.folder(stage) / "samples.npy", mmap_mode="r")
