"""`sfddm-bench speed`: this suite's speed beside that of other packages."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import (
    Device,
    at_least,
    check_could_write,
    check_device,
    check_device_name,
    comma_list,
    integers,
    seconds_above_0,
)
from bench.commands.verify import EXIT_DIFFERS
from sfddm.errors import InputError

EXAMPLES = """
sfddm-bench speed
sfddm-bench speed --parts sampling --threads 1,2
sfddm-bench speed --parts distance --seconds 30
sfddm-bench speed --dataset digits
sfddm-bench speed --seconds 240 --out runs/speed --history results/speed
sfddm-bench speed --measured runs/speed/speed.json --history results/speed
"""
PARTS = ("training", "sampling", "distance")


def speed(
    context: typer.Context,
    parts: Annotated[str, typer.Option(help="What to measure, such as training,distance.")] = ",".join(PARTS),
    dataset: Annotated[str, typer.Option(help="Whose preset sets the network and the size of the images.")] = "cifar10",
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Override a setting, such as network.dim=32.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Images a batch, the same for all (default: 8 on the CPU, else the preset's).")
    ] = None,
    device: Device = "auto",
    seconds: Annotated[
        float, typer.Option(help="How long to repeat the rounds of each comparison; there are at least three.")
    ] = 60.0,
    threads: Annotated[
        str | None, typer.Option(help="Threads of the CPU, such as 1,2: each comparison once with each.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder of speed.md and speed.json.")] = Path("runs/speed"),
    history: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Compare with the newest older release in it; exit code 3 if slower."),
    ] = None,
    measured: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A speed.json to compare, in place of measuring.")
    ] = None,
) -> None:
    """Measure training, sampling and Frechet distance beside other packages; those not installed are skipped."""
    if measured is not None:
        compare_with(checked_history(context, measured, history), measured)
        return
    names = comma_list("--parts", parts)
    for name in names:
        if name not in PARTS:
            raise InputError(f"--parts: '{name}' given, possible: {', '.join(PARTS)}")
    at_least("--batch", batch, 1)
    check_device_name(device)
    seconds_above_0("--seconds", seconds)
    counts = None if threads is None else integers("--threads", threads, 1, os.cpu_count() or 1)
    check_could_write(out)

    from bench.config.checked import checked
    from bench.config.preset import load_preset

    values = checked(load_preset(dataset), "paper", assignments or [])
    device = check_device(device)
    if history is not None:  # a fault in it is told before anything is measured
        from bench.speed.history import read_history

        read_history(history)

    import torch

    from bench.config.settings import Config
    from bench.speed.contestants import terms_of
    from bench.speed.diffusion import sampling_contests, training_contest
    from bench.speed.distance import distance_contest
    from bench.speed.report import print_results, write_results
    from bench.speed.rounds import compare
    from bench.store.files import check_writable
    from bench.store.progress import Display

    terms = terms_of(Config(**values), batch, device)
    check_writable(out)
    contests = {
        "training": [training_contest(terms)],
        "sampling": sampling_contests(terms),
        "distance": [distance_contest(terms)],
    }
    results = []
    with Display() as display:
        for count in counts or [torch.get_num_threads()]:
            own = replace(terms, threads=count)
            results += [compare(contest, own, seconds, display.say) for name in names for contest in contests[name]]
    print_results(results)
    for path in write_results(out, results, terms, seconds, dataset):
        print(path)
    if history is not None:
        compare_with(history, out / "speed.json")


def checked_history(context: typer.Context, measured: Path, history: Path | None) -> Path:
    """Return the history that a measurement is compared with. Raises InputError if options that measure are given."""
    if history is None:
        raise InputError(f"--measured: '{measured}' given without --history, the folder that it is compared with")
    sources = {param.opts[0]: context.get_parameter_source(param.name or "") for param in context.command.params}
    given = [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    if others := [name for name in given if name not in ("--measured", "--history")]:
        raise InputError(f"--measured: '{measured}' given with {', '.join(others)}, which only count when measuring")
    return history


def compare_with(folder: Path, file: Path) -> None:
    """Print a measurement beside the newest of an older release; leave with exit code 3 if anything is slower."""
    from bench.speed.history import compared, print_comparison, read_history, read_measurement

    measurement = read_measurement(file)
    comparison = compared(measurement, read_history(folder))
    print_comparison(measurement, comparison)
    if comparison.slower:
        raise typer.Exit(EXIT_DIFFERS)
