"""The `verify` command: every check on every folder of results at a path, and what differs."""

from pathlib import Path

from bench.store.progress import Display
from bench.upkeep.verify import Verification, result_folders, verify_folder

EXIT_DIFFERS = 3


def verify_command(path: Path, recompute: bool, resample: int | None, device: str, data_root: Path | None,
                   inception: Path | None) -> int:  # fmt: skip
    """Print what differs, or a summary; return the exit code. Raises InputError where there is nothing to verify."""
    result = Verification()
    try:
        with Display() as display:
            for root in result_folders(path):
                records = verify_folder(root, result, display)
                if not recompute and resample is None:
                    continue
                from bench.upkeep.recompute import Reproduction

                again = Reproduction(root, device, data_root, inception, result, display)
                for file, record in records.items():
                    if recompute:
                        again.recompute_metrics(file, record)
                    if resample is not None:
                        again.resample(file, record, resample)
    finally:  # what was found is said, also where the rest could not be looked at
        for line in result.differences:
            print(line)
    outcome = f"{len(result.differences)} differ" if result.differences else "all is as it should be"
    print(f"{outcome}; checked in {path}: {result.summary()}")
    return EXIT_DIFFERS if result.differences else 0
