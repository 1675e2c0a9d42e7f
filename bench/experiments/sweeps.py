"""From a named experiment to the sweeps that make it: on which datasets, at which scale, and what they cost."""

import shutil
from collections.abc import Sequence
from typing import get_args

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.config.resolve import resolve
from bench.config.sections import Scale
from bench.datasets.registry import load
from bench.experiments.experiment import (
    Evaluations,
    Experiment,
    evaluations,
    experiment_names,
    load_experiment,
    request,
)
from bench.run.request import preset_of
from bench.run.session import Place
from bench.store.text import to_stderr
from sfddm.errors import InputError

WIDTH = 140


def those_there(experiment: Experiment, place: Place) -> list[str]:
    """Return the experiment's datasets that are there; say on stderr which are not. Raises InputError if none is."""
    found, faults = [], []
    for dataset in experiment.datasets:
        try:
            load(dataset, preset_of(dataset, place.data_root).sections["resolution"], place.data_root, 0.0)
            found.append(dataset)
        except InputError as error:
            faults.append(str(error))
    if not found:
        raise InputError(faults[0])
    for fault in faults:
        to_stderr(f"left out: {fault}")
    return found


def print_list(datasets: Sequence[str] | None, place: Place) -> None:
    """Print every experiment: what it asks, its cells, and what it costs on each dataset at each scale."""
    console = Console(width=min(shutil.get_terminal_size((WIDTH, 0)).columns, WIDTH), highlight=False)
    for name in experiment_names():
        experiment = load_experiment(name)
        console.print(f"[bold]{name}[/bold]: {escape(experiment.question)}", soft_wrap=True)
        for group in experiment.cells:
            steps = ", ".join(map(str, group.steps))
            console.print(f"  {escape(', '.join(group.methods))}; steps {steps}", soft_wrap=True)
        table = Table(show_edge=False)
        for head in ("dataset", "scale", "cells", "training", "sampling"):
            table.add_column(head, justify="left" if head in ("dataset", "scale") else "right")
        for dataset in datasets or experiment.datasets:
            for scale in get_args(Scale):
                cells, total = size(experiment, dataset, scale, place)
                table.add_row(dataset, scale, str(cells), f"{total.training:,}", f"{total.sampling:,}")
        console.print(table)
        console.print()
    console.print(
        "Costs are network evaluations (forward 1, backward 2, per image), counted from the settings, as if nothing "
        "were done yet. Teachers are shared by all experiments under one --out. What consistency and "
        "interpolation sample besides is not in it.",
        soft_wrap=True,
    )


def size(experiment: Experiment, dataset: str, scale: Scale, place: Place) -> tuple[int, Evaluations]:
    """Return how many cells an experiment has on a dataset at a scale, and what they cost. No data is needed."""
    asked = request(experiment, dataset, scale, None, place.data_root)
    config = resolve(preset_of(dataset, place.data_root), scale, asked.assignments, budgeted=bool(asked.budgets))
    trained = sum(bool(config.method(name).folds(steps)) for name, steps in asked.cells)
    cells = len(asked.cells) + trained * max(len(asked.budgets) - 1, 0)
    return cells * len(asked.seeds), evaluations(config, asked.cells, asked.seeds, asked.budgets)
