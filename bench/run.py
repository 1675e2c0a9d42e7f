"""The `run` command: from options to records, tables and plots."""

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from bench import methods
from bench.cells import Sweep, make_sweep
from bench.checks import check_device, check_writable
from bench.config import load_preset, resolve
from bench.datasets.registry import definition_name, load
from bench.feature_space import check_feature_space, inception_weights
from bench.parts import Parts, seconds_since_start
from bench.pictures import write_grid
from bench.plots import write_plots
from bench.progress import Display
from bench.records import Record
from bench.stages import Store
from bench.sweep import plan, run_sweep
from bench.tables import cell_row, score_name, write_tables


def run_command(dataset: str, resolution: int | None, steps: Sequence[int] | None, names: Sequence[str] | None,
                seeds: Sequence[int], scale: str | None, images: int | None, budget: int | None, assignments: Sequence[str],
                device: str, out: Path, data_root: Path | None, inception: Path | None, dry_run: bool) -> None:  # fmt: skip
    """Check everything, then run (or only print) the sweep. Raises InputError before anything is written."""
    parts = Parts()
    parts.add("start and imports", seconds_since_start())
    preset = load_preset(definition_name(dataset, data_root))
    names = list(names or preset.methods)
    for name in names:
        methods.get(name)
    config = resolve(preset, scale, assignments, images, budget, resolution)
    device = check_device(device)
    data = load(dataset, config.resolution, data_root)
    check_feature_space(config, data)
    weights = inception_weights(config, inception, dry_run)
    sweep = make_sweep(config, data, names, steps or preset.steps, seeds, weights)
    parts.add("set-up", time.perf_counter() - parts.began)
    with Display() as display:
        store = Store(out, device, display, parts)
        if dry_run:
            print_plan(sweep, store)
            return
        check_writable(out)
        torch.set_float32_matmul_precision("highest")
        records = run_sweep(sweep, store)
    with parts.part("tables and plots"):
        print_records(records)
        written = write_tables(records, out / "tables") + write_plots(records, out / "plots")
        real = out / "records" / f"{data.name}-{config.resolution}-{config.scale}" / "real-data.png"
        write_grid(data.pixels, real)
    for path in [*written, parts.write(out)]:
        print(path)


def print_plan(sweep: Sweep, store: Store) -> None:
    """Print every stage and cell with what would be done."""
    for state, label, where in plan(sweep, store):
        print(f"{state:8} {label}" + (f"  [{where}]" if where else ""))


def print_records(records: Sequence[Record]) -> None:
    """Print the records as a table on stdout."""
    first = records[0]
    head = ["method", "steps", "NFE", "seed", first.quality_name, score_name(first), "images/s", "folds", "training s",
            "evaluations", "RSS MiB"]  # fmt: skip
    table = Table(title=f"{first.dataset} {first.resolution}x{first.resolution}, scale {first.scale}")
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for record in records:
        table.add_row(*cell_row(record))
    Console(width=None if Console().is_terminal else 140).print(table)
