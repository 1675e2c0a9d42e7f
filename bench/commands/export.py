"""`sfddm-bench export`: a model of a run that needs no run, for this package or for diffusers, with a model card."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands.options import RUNS, at_least
from sfddm.errors import InputError

if TYPE_CHECKING:
    from bench.records.record import Record
    from sfddm.image_model import ImageModel

EXAMPLES = """
sfddm-bench export runs --method sfddm --steps 4 --to student.safetensors
sfddm-bench export runs --method pd --steps 1 --seed 2 --to pd-1.safetensors
sfddm-bench export runs --method pd --steps 4 --format diffusers --to student
"""
FORMATS = ("safetensors", "diffusers")
ENDING = ".safetensors"


def export(
    method: Annotated[str, typer.Option(help="The method, as in tables.")],
    steps: Annotated[int, typer.Option(help="Its step count.")],
    to: Annotated[Path, typer.Option(help="A file that ends in .safetensors, or for diffusers a new folder.")],
    run: Annotated[Path, typer.Argument(help="The run folder.", metavar="[RUN]")] = RUNS,
    seed: Annotated[int, typer.Option(help="The seed of its run.")] = 0,
    form: Annotated[
        str, typer.Option("--format", help="safetensors, for sfddm.load, or diffusers, for its DDIMPipeline.")
    ] = FORMATS[0],
) -> None:
    """Write a cell's model with how it is sampled, for `sfddm.load` and `sfddm-bench sample`, and its model card."""
    at_least("--steps", steps, 1)
    at_least("--seed", seed, 0)
    if form not in FORMATS:
        raise InputError.unknown("--format", form, FORMATS)
    check_target(to, form)

    from bench.records.record import read_record
    from sfddm.addresses import find_cell

    path = find_cell(run, method, steps, seed).record  # before torch is imported

    from sfddm.loading import load

    record, model = read_record(path), load(f"{path}:{method}:{steps}:{seed}")
    write = write_file if form == FORMATS[0] else write_folder
    for written in write(record, model, to):
        print(written)


def check_target(to: Path, form: str) -> None:
    """Raise InputError if that is no place for a model in a form."""
    if form == FORMATS[0]:
        if to.suffix != ENDING or to.is_dir():
            raise InputError(f"--to: '{to}' given, a file that ends in {ENDING} is possible")
    elif to.suffix == ENDING:
        raise InputError(f"--to: '{to}' given, with --format {form} a folder is possible")
    else:
        from bench.students.writing import check_new_folder

        check_new_folder(to)


def write_file(record: "Record", model: "ImageModel", to: Path) -> tuple[Path, ...]:
    """Write a model as a file with its card beside it; return both."""
    from bench.store.files import check_writable, write_text
    from bench.students.card import by_sfddm, card

    check_writable(to.parent, "--to")
    model.write(to)
    write_text(to.with_suffix(".md"), card(record, "sfddm-bench", by_sfddm(to.name)))
    return to, to.with_suffix(".md")


def write_folder(record: "Record", model: "ImageModel", to: Path) -> tuple[Path, ...]:
    """Write a model as a folder for diffusers with its card in it; return the folder."""
    from bench.store.files import check_writable, write_text
    from bench.students.card import by_diffusers, card
    from sfddm.exports.diffusers import check_possible, write_diffusers

    sampler, steps = check_possible(model), len(model.at())
    check_writable(to, "--to")
    write_text(to / "README.md", card(record, "diffusers", by_diffusers(to.name, steps, sampler.clip)))
    write_diffusers(model, to)
    return (to,)
