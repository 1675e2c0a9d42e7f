"""The `speed` command: from options to a table and two files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from bench.commands.checks import check_device, check_writable
from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.speed.comparison import compare
from bench.speed.contestants import MODULES, Part, SetUp, package_version
from bench.speed.distance import distance_part
from bench.speed.report import print_results, write_results
from bench.speed.sampling import sampling_part
from bench.speed.training import training_part
from bench.store import provenance
from bench.store.progress import Display
from sfddm.errors import InputError
from sfddm.unet import UNetConfig

STEPS = (1, 10, 100)
CPU_BATCH = 8


def speed_command(parts: Sequence[str], dataset: str, assignments: Sequence[str], batch: int | None, device: str,
                  seconds: float, out: Path) -> None:  # fmt: skip
    """Measure the parts, print the table, and write it. Raises InputError before anything is measured."""
    device = check_device(device)
    setup = set_up(dataset, assignments, batch, device)
    check_writable(out)
    torch.set_float32_matmul_precision("highest")
    with Display() as display:
        results = [compare(part, setup, seconds, display.say) for part in chosen(parts, setup)]
    print_results(results)
    for path in write_results(out, results, about(setup, seconds), caption(setup, dataset)):
        print(path)


def set_up(dataset: str, assignments: Sequence[str], batch: int | None, device: str) -> SetUp:
    """Return the set-up of a dataset's preset; its images are random, so the dataset itself is not needed."""
    config = resolve(load_preset(dataset), "paper", assignments)
    if not isinstance(config.network, UNetConfig):
        raise InputError("--dataset: its network is not ours, and has no counterpart in the other packages")
    batch = batch or (CPU_BATCH if device == "cpu" else config.teacher.batch)
    return SetUp(config.network, config.resolution, batch, device, config.teacher.timesteps, config.teacher.training())


def chosen(names: Sequence[str], setup: SetUp) -> list[Part]:
    """Return the parts of the given names."""
    makers = {
        "training": lambda: [training_part()],
        "sampling": lambda: [sampling_part(steps, setup.batch) for steps in STEPS if steps <= setup.timesteps],
        "distance": lambda: [distance_part(setup.dimension)],
    }
    return [part for name in names for part in makers[name]()]


def about(setup: SetUp, seconds: float) -> dict[str, Any]:
    """Return what the numbers were measured on and with."""
    references = {name: package_version(name) for name in MODULES}
    shared = {"network": setup.network.model_dump(), "pixels": setup.pixels, "batch": setup.batch, "precision": "float32",
              "timesteps": setup.timesteps, "defaults": setup.defaults.model_dump(), "seconds": seconds}  # fmt: skip
    return {
        "setup": shared,
        "machine": provenance.machine(setup.device),
        "versions": provenance.versions() | {name: found for name, found in references.items() if found},
        "git": provenance.git_revision(),
    }


def caption(setup: SetUp, dataset: str) -> str:
    """Return one line that says what was compared on what."""
    where = provenance.machine(setup.device)
    return (
        f"The network of {dataset} on random {setup.pixels}x{setup.pixels} images, batch {setup.batch}, float32, on "
        f"{where['gpu'] or where['processor']} ({where['threads']} threads), PyTorch {torch.__version__}."
    )
