"""Options that several commands share, how they are read and checked. Torch is imported only when it is needed."""

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from bench.commands import completion
from bench.config.counts import count_of
from bench.config.devices import is_device, may_have_gpu
from bench.config.variants import split_outside_brackets
from bench.store.limits import LARGEST_COUNT
from sfddm.errors import InputError
from sfddm.torchrun import world_size

DataRoot = Annotated[Path | None, typer.Option("--data-root", help="Where prepared datasets are (else $SFDDM_DATA).")]
Resolution = Annotated[int | None, typer.Option(help="Pixels a side (default: the dataset's).")]
Out = Annotated[Path, typer.Option(help="The run folder: its stages, records, tables and plots are written there.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
InceptionWeights = Annotated[
    Path | None, typer.Option(help="The Inception-2015 file (else the cache folder's, else downloaded).")
]
ExtractorWeights = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE",
        help="The weights of DINOv2, CLIP or a plug-in's extractor; of several of them NAME=FILE, such as clip=FILE.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print every stage and cell, compute nothing.")]
Executor = Annotated[str, typer.Option(help="Who does the stages: local (this process) or ray (a cluster's workers).")]
Address = Annotated[
    str | None,
    typer.Option(help="A running Ray cluster: auto, HOST:PORT or ray://HOST:PORT (default: one started here)."),
]
Jobs = Annotated[
    str,
    typer.Option(metavar="N", help="Stages at a time on the cores of this machine: auto (as many as pay) or a number."),
]
Log = Annotated[
    str | None,
    typer.Option(help="Who is told what happens, besides events.jsonl: tensorboard, or loggers of other packages."),
]
Scale = Annotated[
    str | None,
    typer.Option(
        help="Amount of work: smoke, quick or paper (default: the dataset's).", autocompletion=completion.scale_names
    ),
]
Dataset = Annotated[
    str, typer.Option(help="Whose values; `datasets list` names them.", autocompletion=completion.dataset_names)
]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", help="Override a setting, such as teacher.iterations=2000.")
]
Budgets = Annotated[
    str | None,
    typer.Option(
        "--budgets",
        "--budget",
        help="Network evaluations in training, such as 120k,500k,2M, the same for every trained method (backward "
        "counts 2); a student of one fold trains once, to the largest.",
    ),
]
Folders = Annotated[
    list[Path] | None,
    typer.Argument(help="Run folders, or archives of them (default: runs).", metavar="[PATH]...", show_default=False),
]
Run = Annotated[Path, typer.Argument(help="The run folder.", metavar="[RUN]")]
RUNS = Path("runs")
EXECUTORS = ("local", "ray")
MOST_JOBS = 1024
CONNECT_SECONDS = 10.0
LONGEST_SECONDS = 30 * 86400.0


def folders_of(given: list[Path] | None) -> list[Path]:
    """Return the run folders that a command was given, each once; `runs` if none was. Raises InputError if one is none.

    An archive is unpacked. What a command needs of folders, such as records, it says itself.
    """
    folders = [opened(folder) for folder in dict.fromkeys(given or [RUNS])]
    for folder in folders:
        if not folder.is_dir():
            fault = "it is a file and no archive" if folder.exists() else "there is no such folder"
            raise InputError(
                f"PATH: '{folder}' given, but {fault}; name a run folder, which is made with: sfddm-bench run --out "
                f"{RUNS if folder.exists() else folder}"
            )
    return folders


def opened(path: Path) -> Path:
    """Return a path as it is, or the folder that an archive is unpacked into. Raises InputError."""
    if not path.is_file():
        return path

    from bench.collected.archive import is_archive, unpacked

    return unpacked(path) if is_archive(path) else path


def comma_list(option: str, text: str) -> list[str]:
    """Return the parts of a comma-separated option, in order and without repeats; brackets hold a part together."""
    parts = split_outside_brackets(text)
    if not text.strip():
        raise InputError(f"{option}: '{text}' given, which is empty; leave the option out, or give such as 1,4,16")
    if not all(parts):
        raise InputError(f"{option}: '{text}' given, a comma-separated list is possible, such as 1,4,16")
    return list(dict.fromkeys(parts))


def integers(option: str, text: str, least: int, most: int = LARGEST_COUNT) -> list[int]:
    """Return a comma-separated option of whole numbers, each from `least` to `most`."""
    found = []
    for part in comma_list(option, text):
        digits = part.removeprefix("-")
        value = int(part) if digits.isascii() and digits.isdecimal() and len(digits) <= len(str(most)) else None
        if value is None or not least <= value <= most:
            up = f"from {least} up" if most == LARGEST_COUNT else f"from {least} to {most}"
            is_large = part.isdecimal() and (value is None or value > most)
            raise InputError(
                f"{option}: '{cut(part)}' given, whole numbers {up} are possible, such as 1,4,16"
                + (f"; the largest is {most}" if most == LARGEST_COUNT and is_large else "")
            )
        found.append(value)
    return found


def cut(text: str) -> str:
    """Return a text as an error shows it: of one that would fill the line, its beginning."""
    return text if len(text) <= 40 else f"{text[:20]}... ({len(text)} characters)"


def counts(option: str, text: str, most: int = LARGEST_COUNT) -> list[int]:
    """Return a comma-separated option of counts from 1 up, such as 120k or 2M, without repeats, the smallest first."""
    found = set()
    for part in comma_list(option, text):
        value = count_of(part)
        if value is None or not 1 <= value <= most:
            raise InputError(
                f"{option}: '{cut(part)}' given, whole numbers from 1 to {most} are possible, such as 120k,500k,2M (k: "
                "thousand, M: million)"
            )
        found.add(value)
    return sorted(found)


def at_least(option: str, value: int | None, least: int, most: int = LARGEST_COUNT) -> None:
    """Raise InputError for a whole number that is too small or too large; None was not given."""
    if value is not None and not least <= value <= most:
        up = f"from {least} up" if value < least else f"from {least} to {most}"
        raise InputError(f"{option}: {value} given, a whole number {up} is possible")


def seconds_above_0(option: str, value: float) -> float:
    """Return a number of seconds. Raises InputError if it is not above 0, not a number, or beyond a month."""
    if not 0 < value <= LONGEST_SECONDS:
        raise InputError(f"{option}: {value:g} given, a number above 0 and up to {LONGEST_SECONDS:g} is possible")
    return value


def refuse_given(given: Mapping[str, object], why: str) -> None:
    """Raise InputError for an option, of some by their names, that has a value where it does nothing, and say why."""
    for option, value in given.items():
        if value is None or value is False or value == []:
            continue
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        shown = "" if value is True else f"{value} " if isinstance(value, int) else f"'{text}' "
        raise InputError(f"{option}: {shown}given {why}")


def unless(value: str, usual: str) -> str | None:
    """Return an option's value; None if it is the one that the option has when it is not given."""
    return None if value == usual else value


def check_could_write(folder: Path, option: str = "--out") -> None:
    """Raise InputError if a folder could not be made and written to; nothing is made, so that a dry run may ask."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(place))
    if not there.is_dir():
        raise InputError(f"{option}: '{folder}' given, but '{there}' is not a folder; name another")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"{option}: '{folder}' given, but '{there}' cannot be written; name a folder you may write to")


def check_device(device: str) -> str:
    """Return a device that is there. Raises InputError. Torch is asked only where there may be a GPU."""
    if device.startswith("cuda:") and world_size() > 1:
        raise InputError(
            f"--device: '{device}' given, possible under torchrun: auto, cpu, cuda (a GPU for each process)"
        )
    there = ["cpu", *(cuda_devices() if device != "cpu" else ())]
    if device == "auto":
        return "cuda" if "cuda" in there else "cpu"
    if device not in there:
        raise InputError(f"--device: '{device}' given, possible here: auto, {', '.join(there)}")
    return device


def cuda_devices() -> list[str]:
    """Return the names of the GPUs that torch can use, and that of the first of them."""
    if not may_have_gpu():
        return []

    import torch

    return [*(f"cuda:{i}" for i in range(torch.cuda.device_count())), *["cuda"] * torch.cuda.is_available()]


def check_device_name(device: str) -> None:
    """Raise InputError for what is the name of no device, there or not."""
    if not is_device(device):
        raise InputError(f"--device: '{device}' given, possible: auto, cpu, cuda, or cuda:N for the N-th GPU, from 0")


def run_device(device: str, executor: str, address: str | None) -> str:
    """Return the device of a run: of a Ray cluster that is asked for it, else of this machine. Raises InputError.

    With `auto` the cluster's nodes decide, not the machine that starts the run. That one measures costs and writes the
    records, so it needs a GPU if they have one.
    """
    if executor != "ray" or address is None:
        return check_device(device)

    from bench.run.ray import has_gpus

    there = has_gpus(address)
    if device != "auto":
        return check_device(device)
    if not there:
        return "cpu"
    if not cuda_devices():
        raise InputError(
            "--device: 'auto' given, but the cluster has GPUs and this machine, which measures costs and writes the "
            "records, has none; start the command on a node with a GPU, or give --device cpu"
        )
    return "cuda"


def check_executor(executor: str, address: str | None, device: str) -> None:
    """Raise InputError for an executor that is not there, and for what is not its own."""
    if executor not in EXECUTORS:
        raise InputError(f"--executor: '{executor}' given, possible: {', '.join(EXECUTORS)}")
    if executor != "ray":
        if address is not None:
            raise InputError(f"--address: '{address}' given, but it is of --executor ray; give both or none")
        return
    if world_size() > 1:
        raise InputError(
            "--executor: 'ray' given under torchrun, possible: local; Ray starts its processes itself, so leave "
            "torchrun out"
        )
    if importlib.util.find_spec("ray") is None:
        raise InputError("--executor: 'ray' given, but Ray is not installed; pip install 'sfddm-bench[ray]'")
    if device.startswith("cuda:"):
        raise InputError(
            f"--device: '{device}' given, possible with --executor ray: auto, cpu, cuda (it hands GPUs out)"
        )
    check_answers(address)


def check_log(log: str | None) -> tuple[str, ...]:
    """Return the names of loggers. Raises InputError for one that is none."""
    names = [] if log is None else comma_list("--log", log)
    if names:
        from bench.loggers import check_loggers

        check_loggers(names)
    return tuple(names)


def check_jobs(jobs: str, executor: str) -> int | None:
    """Return how many stages are done at a time; None for as many as pay. Raises InputError."""
    if jobs == "auto":
        return None
    digits = jobs.isascii() and jobs.isdecimal() and len(jobs) <= len(str(MOST_JOBS))
    if not digits or not 1 <= int(jobs) <= MOST_JOBS:
        raise InputError(f"--jobs: '{cut(jobs)}' given, auto or a whole number from 1 to {MOST_JOBS} is possible")
    if int(jobs) == 1:
        return 1
    if executor != "local":
        raise InputError(
            f"--jobs: '{jobs}' given, but it is of --executor local; {executor} has its own; leave one out"
        )
    if world_size() > 1:
        raise InputError(f"--jobs: '{jobs}' given under torchrun, whose processes do each stage together; possible: 1")
    return int(jobs)


def check_answers(address: str | None) -> None:
    """Raise InputError if nothing listens at a cluster's HOST:PORT: Ray itself would try for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return

    import socket  # of no use to other commands, and they start without it

    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"--address: '{address}' given, but no Ray cluster answers there ({error})") from None
