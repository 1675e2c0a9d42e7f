"""`sfddm-bench sample`: images of a trained model."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands.options import Device, at_least, check_device, check_device_name

if TYPE_CHECKING:
    import numpy as np

EXAMPLES = """
sfddm-bench sample runs:sfddm:4 -n 64 --to grid.png
sfddm-bench sample student.safetensors -n 5000 --seed 1 --to samples.npz
sfddm-bench sample runs:ddim:16 -n 16 --to images
"""
Student = Annotated[
    str, typer.Argument(help="A file, a stage's folder, or RUN:method:steps[:seed].", metavar="STUDENT")
]
Seed = Annotated[int, typer.Option(help="Of the latents: image k is that of latent k, for every model.")]


def sample(
    student: Student,
    to: Annotated[Path, typer.Option(help="A folder, or a file that ends in .png (a grid) or .npz.")],
    count: Annotated[int, typer.Option("-n", "--count", help="How many images.")] = 64,
    steps: Annotated[int | None, typer.Option(help="Of a model that can do any; else its own.")] = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Sample a model: the same images as its run's, for the same seed."""
    at_least("--count", count, 1)
    at_least("--seed", seed, 0)
    at_least("--steps", steps, 1)
    check_device_name(device)

    from bench.students.writing import check_target, write_images
    from sfddm.addresses import named

    check_target(to)
    named(student)  # before torch is imported

    from bench.store.progress import Display
    from sfddm.loading import load

    model, where = load(student), check_device(device)
    model.at(steps)  # refuses a step count before anything is sampled
    with Display() as display, display.task(f"samples of {student}", count, "images") as update:

        def told() -> Iterator["np.ndarray"]:
            done = 0
            for unit in model.units(count, steps, seed, where):
                done += len(unit)
                update(done)
                yield unit.numpy()

        write_images(told(), to, seed)
    print(to)
