"""`sfddm-bench compare`: the same latents through several models."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Device, at_least, check_device, check_device_name
from bench.commands.sample import Seed
from sfddm.errors import InputError

EXAMPLES = """
sfddm-bench compare runs:sfddm:4 runs:ddim:4 --to side-by-side.png
sfddm-bench compare runs:pd:1 runs:pd:4 --latents 12 --seed 1 --to pd.png
"""
MOST = 64  # latents in a row


def compare(
    students: Annotated[
        list[str], typer.Argument(help="Files, stages' folders, or RUN:method:steps[:seed].", metavar="STUDENT...")
    ],
    to: Annotated[Path, typer.Option(help="The picture, a file that ends in .png.")],
    latents: Annotated[int, typer.Option(help=f"How many latents, at most {MOST}.")] = 8,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Draw what several models make of the same latents, a row for each: a look before any number."""
    at_least("--latents", latents, 1)
    at_least("--seed", seed, 0)
    check_device_name(device)
    if latents > MOST:
        raise InputError(f"--latents: {latents} given, from 1 to {MOST} are possible")

    from bench.students.writing import check_target, write_comparison
    from sfddm.addresses import named

    check_target(to, (".png",))
    for name in students:
        named(name)  # before torch is imported

    from sfddm.loading import load

    models, where = {name: load(name) for name in students}, check_device(device)
    shapes = {model.sampling.shape for model in models.values()}
    if len(shapes) > 1:
        said = ", ".join("x".join(map(str, shape)) for shape in sorted(shapes))
        raise InputError(f"STUDENT: images of several shapes given ({said}), and their latents are not the same")
    made = {name: model.sample(latents, seed=seed, device=where).numpy() for name, model in models.items()}
    write_comparison([(name, made[name]) for name in students], to)
    print(to)
