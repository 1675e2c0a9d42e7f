"""`sfddm-bench remeasure`: the sampling cost of records, measured again on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Device, check_device, check_device_name, folders_of

EXAMPLES = """
sfddm-bench remeasure results/digits
sfddm-bench remeasure their-results our-results --device cuda
"""


def remeasure(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders of records without their stages, such as committed results.", metavar="PATH..."),
    ],
    device: Device = "auto",
    force: Annotated[
        bool, typer.Option("--force", help="Also what was measured again on this machine before.")
    ] = False,
) -> None:
    """Measure latency, throughput and memory of sampling again for records, with fresh weights; then render them.

    Methods that make the same calls are measured once. Let nothing else run meanwhile; the same command measures again
    only what was disturbed.
    """
    check_device_name(device)

    from bench.collected.archive import check_stays
    from bench.upkeep.verify import result_folders

    given = folders_of(folders)
    for folder in given:
        check_stays(folder)
    runs = result_folders(given)

    from bench.records.record import read_records
    from bench.rendering import render
    from bench.store.progress import Display
    from bench.upkeep import remeasure as again

    chosen = check_device(device)
    with Display() as display:
        found = again.measurements(runs, chosen, display.say)
        written = again.remeasure(found, chosen, force, display)
    for run in runs:
        for path in render(read_records(run.root), run.root, run.root):
            print(path)
    print(f"{written} records measured again, of {sum(len(own.records) for own in found)}")
