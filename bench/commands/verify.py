"""`sfddm-bench verify`: whether results are what they say."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import (
    DataRoot,
    Device,
    ExtractorWeights,
    Folders,
    at_least,
    check_device,
    check_device_name,
    folders_of,
    refuse_given,
    unless,
)

EXIT_DIFFERS = 3

EXAMPLES = """
sfddm-bench verify
sfddm-bench verify results/digits results/digits-any-steps
sfddm-bench verify runs --recompute metrics --resample 16
"""


class Recomputed(StrEnum):
    """What can be computed again from what is stored."""

    metrics = "metrics"


def verify(
    folders: Folders = None,
    recompute: Annotated[
        Recomputed | None, typer.Option(help="Compute the metrics again from the stored features.")
    ] = None,
    resample: Annotated[
        int | None, typer.Option(help="Sample so many images of each cell again and compare to the pixel.", metavar="N")
    ] = None,
    device: Device = "auto",
    data_root: DataRoot = None,
    inception_weights: Annotated[Path | None, typer.Option(help="The Inception-2015 file that the run had.")] = None,
    extractor_weights: ExtractorWeights = None,
) -> None:
    """Check hashes of all artefacts, records and tables; name what differs and exit with 3, or say that all is well."""
    at_least("--resample", resample, 1)
    check_device_name(device)
    if recompute is None and resample is None:
        computing = {
            "--device": unless(device, "auto"),
            "--inception-weights": inception_weights,
            "--extractor-weights": extractor_weights,
        }
        refuse_given(computing, "without --recompute or --resample, and all else only reads; give one of them as well")

    from bench.store.progress import Display
    from bench.store.text import printable
    from bench.upkeep.verify import Verification, check_datasets, result_folders, verify_folder

    result, known, given = Verification(), {}, folders_of(folders)
    try:
        with Display() as display:
            for run in result_folders(given):
                records = verify_folder(run, result, display)
                known.update(records)
                if recompute is None and resample is None:
                    continue
                from bench.metrics.extractors import weight_files
                from bench.upkeep.recompute import Recomputation

                files = weight_files(inception_weights, extractor_weights or [])
                again = Recomputation(run, check_device(device), data_root, files, result, display)
                for file, record in records.items():
                    if recompute is not None:
                        again.recompute_metrics(file, record)
                    if resample is not None:
                        again.resample(file, record, resample)
            check_datasets(known.values(), data_root, result)
    finally:  # what was found is reported, even if the rest could not be looked at
        for line in result.differences:
            print(printable(line))
        for line in result.notes:
            print(f"note: {printable(line)}")
    outcome = f"{len(result.differences)} differ" if result.differences else "all is as it should be"
    print(f"{outcome}; checked in {', '.join(map(str, given))}: {result.summary()}")
    raise typer.Exit(EXIT_DIFFERS if result.differences else 0)
