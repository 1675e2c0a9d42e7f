"""`sfddm-bench doctor`: what this machine has and lacks."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import RUNS, DataRoot, Folders, refuse_given
from sfddm.errors import InputError

EXAMPLES = """
sfddm-bench doctor
sfddm-bench doctor /scratch/runs --data-root /data
sfddm-bench doctor --imports
sfddm-bench doctor --inception
"""


def doctor(
    folders: Folders = None,
    data_root: DataRoot = None,
    inception_weights: Annotated[Path | None, typer.Option(help="The Inception-2015 file to check.")] = None,
    imports: Annotated[
        bool, typer.Option("--imports", help="Also import every package, in seconds: shows one that cannot work.")
    ] = False,
    inception: Annotated[
        bool, typer.Option("--inception", help="Only compare the plain Inception network with the file's own code.")
    ] = False,
) -> None:
    """Say what is installed, found and missing, each with the command that fixes it; exit with 1 if nothing can run."""
    if inception:
        elsewhere = {"PATH": folders, "--data-root": data_root, "--imports": imports}
        refuse_given(elsewhere, "with --inception, which only compares two networks; leave one out")
        compare_inception(inception_weights)
        return

    from rich.console import Console

    from bench.upkeep.doctor import BROKEN, COLOURS, examine

    console, broken = Console(highlight=False), 0
    for line in examine(data_root, inception_weights, folders or [RUNS], imports):
        broken += line.mark == BROKEN
        colour = COLOURS[line.mark]
        console.print(f"[{colour}]{line.mark}[/] [bold]{line.about:22}[/]", end=" ")
        console.print(line.found, markup=False, soft_wrap=True)
        if line.fix:
            console.print(f"{'':26}fix: {line.fix}", style=colour, markup=False, soft_wrap=True)
    if broken:
        console.print(f"[red]{broken} broken: no run can work until that is fixed[/]")
        raise typer.Exit(1)
    console.print("[green]a digits run can work here:[/] sfddm-bench run --dataset digits --scale smoke")


def compare_inception(option: Path | None) -> None:
    """Print how far the plain network's features are from the file's own; exit with 1 if they are not equal."""
    from bench.metrics.network_files import WEIGHTS, cache_folder, find_weights

    path = find_weights(option)
    if path is None:
        raise InputError(
            f"--inception: there is nothing to compare, '{cache_folder() / WEIGHTS}' is not here; put clean-fid's "
            f"{WEIGHTS} there, or name it with --inception-weights"
        )

    from bench.metrics.inception import EQUAL, SIDES, compared

    found = compared(path, SIDES)
    for images, difference in found.items():
        print(f"{images}: {difference:.2e}")
    largest = max(found.values())
    print(f"largest difference of a feature, relative to the largest feature: {largest:.2e}; up to {EQUAL:g} is equal")
    if largest > EQUAL:
        raise typer.Exit(1)
