"""`sfddm-bench remeasure`: the sampling cost of records, measured again on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Device, check_device

EXAMPLES = """
sfddm-bench remeasure results/digits
sfddm-bench remeasure their-results --device cuda
"""


def remeasure(
    folder: Annotated[
        Path, typer.Argument(help="A folder of records without their stages, such as committed results.")
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
    from bench.records.record import read_records
    from bench.rendering import render
    from bench.store.progress import Display
    from bench.upkeep import remeasure as again
    from bench.upkeep.verify import result_folders

    result_folders(folder)  # refuses what is no folder of results
    chosen = check_device(device)
    with Display() as display:
        found = again.measurements(folder, chosen, display.say)
        written = again.remeasure(found, chosen, force, display)
    for path in render(read_records(folder), folder, folder):
        print(path)
    print(f"{written} records measured again, of {sum(len(own.records) for own in found)}")
