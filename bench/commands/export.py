"""`sfddm-bench export`: a model of a run as one file that needs no run, with a model card."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import RUNS, at_least
from sfddm.errors import InputError

EXAMPLES = """
sfddm-bench export runs --method sfddm --steps 4 --to student.safetensors
sfddm-bench export runs --method pd --steps 1 --seed 2 --to pd-1.safetensors
"""
ENDING = ".safetensors"


def export(
    method: Annotated[str, typer.Option(help="The method, as in tables.")],
    steps: Annotated[int, typer.Option(help="Its step count.")],
    to: Annotated[Path, typer.Option(help="The file, which ends in .safetensors; the card is beside it, in .md.")],
    run: Annotated[Path, typer.Argument(help="The run folder.", metavar="[RUN]")] = RUNS,
    seed: Annotated[int, typer.Option(help="The seed of its run.")] = 0,
) -> None:
    """Write a cell's model with how it is sampled, for `sfddm.load` and `sfddm-bench sample`, and its model card."""
    at_least("--steps", steps, 1)
    at_least("--seed", seed, 0)
    if to.suffix != ENDING or to.is_dir():
        raise InputError(f"--to: '{to}' given, a file that ends in {ENDING} is possible")

    from bench.records.record import read_record
    from bench.store.files import check_writable, write_text
    from bench.students.card import card
    from sfddm.addresses import find_cell

    path = find_cell(run, method, steps, seed).record  # before torch is imported

    from sfddm.loading import load

    record, model = read_record(path), load(f"{path}:{method}:{steps}:{seed}")
    check_writable(to.parent)
    to.parent.mkdir(parents=True, exist_ok=True)
    model.write(to)
    write_text(to.with_suffix(".md"), card(record, to.name))
    print(to)
    print(to.with_suffix(".md"))
