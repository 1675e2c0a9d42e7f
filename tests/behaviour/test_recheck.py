"""A finished sweep of a hundred cells is looked through quickly."""

import json
import time
from pathlib import Path

import numpy as np
from helpers.made_records import protocol

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.config.variants import methods_by_steps
from bench.datasets.registry import load
from bench.records.record import write_record
from bench.run.local import run_sweep
from bench.run.recording import make_record
from bench.run.sweep import Sweep, make_sweep
from bench.run.worker import Worker
from bench.store.files import write_json
from bench.store.progress import Display
from bench.store.provenance import made_by
from bench.store.stage import Job

ARTEFACTS = {
    "metrics.json": {"distance": 1.0, "is_mean": 1.0, "is_std": 0.0, "images": 9, "reference_images": 9, "reasons": {}},
    "protocol.json": protocol().model_dump(),
    "cost.json": {"nfe": 1, "seconds": 1.0, "evaluations": 1, "wall_seconds": 1.0, "images_per_second": 1.0},
}


def hundred_cells() -> Sweep:
    config = resolve(load_preset("digits"), "smoke")
    cells = methods_by_steps(["sfddm", "ddim", "ddpm"], range(1, 12))
    return make_sweep(config, load("digits", 8, None, 0.2), cells, [0, 1, 2], asked=["quality"])


def finish(sweep: Sweep, worker: Worker) -> None:
    """Do every stage without its work, with artefacts of the usual sizes, and record every cell."""

    def work(job: Job) -> None:
        for name, value in ARTEFACTS.items():
            write_json(job.folder / name, value)
        np.save(job.folder / "array.npy", np.zeros((1438, 64), np.float32))

    for stage in sweep.stages:
        object.__setattr__(stage, "work", work)
    for cell in sweep.cells:
        for stage in cell.stages:
            worker.ensure(stage)
        record = make_record(sweep, cell, worker, made_by() | {"machine": {}})
        path = write_record(worker.store.run.root, record)
        path.with_suffix(".png").touch()


def test_a_hundred_finished_cells_are_found_done_in_three_seconds(tmp_path: Path) -> None:
    finish(hundred_cells(), Worker(tmp_path, "cpu", Display()))
    started = time.process_time()
    records = run_sweep(hundred_cells(), Worker(tmp_path, "cpu", Display()))
    assert time.process_time() - started < 3.0  # 0.5 s; of the processor, since tests share it
    assert len(records) == 102
    assert len({json.dumps(record.parents) for record in records}) == 102
