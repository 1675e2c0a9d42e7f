"""What this machine has and lacks for the suite, each lack with the command that mends it.

torch is imported here as a user's run would import it, so that a build that cannot work shows now.
"""

import importlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from rich.console import Console

from bench.datasets.catalogue import CATALOGUE
from bench.datasets.location import data_root
from bench.datasets.packed import prepared
from bench.upkeep.clean import readable
from sfddm.errors import InputError

GOOD, LACKING, BROKEN = "ok", "--", "!!"  # broken: not even a digits run can work
COLOURS = {GOOD: "green", LACKING: "yellow", BROKEN: "red"}
LOW_DISK_BYTES = 2 * 10**9

# What cannot be done without, by the name it is installed under, with the module that shows it works.
NEEDED = {"torch": "torch", "torchvision": "torchvision", "numpy": "numpy", "scipy": "scipy.linalg",
          "clean-fid": "cleanfid", "scikit-learn": "sklearn", "pandas": "pandas", "matplotlib": "matplotlib",
          "pillow": "PIL.Image", "pydantic": "pydantic", "safetensors": "safetensors.torch", "typer": "typer",
          "rich": "rich", "platformdirs": "platformdirs"}  # fmt: skip
EXTRAS = {"lmdb": "preparing LSUN from its LMDB folders", "diffusers": "teachers from diffusers' UNet2DModel folders"}


@dataclass(frozen=True)
class Finding:
    """One line: a mark, what it is about, what was found, and the command or step that mends it."""

    mark: str
    about: str
    found: str
    mend: str = ""


def examine(root: Path | None, inception: Path | None, out: Path) -> Iterator[Finding]:
    """Yield everything there is to say about this machine."""
    yield Finding(GOOD, "Python", platform.python_version())
    packages = [package(name, module) for name, module in NEEDED.items()]
    yield from packages
    usable = all(finding.mark == GOOD for finding in packages if finding.about in ("torch", "torchvision"))
    yield torch_fits_torchvision()
    yield from extras()
    if usable:
        yield threads()
        yield gpu()
        yield inception_file(inception)
    yield disk(out)
    yield Finding(GOOD, "digits", "built in, nothing to prepare")
    yield from datasets(data_root(root))


def package(name: str, module: str) -> Finding:
    """Say which version of a package is installed, having imported it."""
    found = installed(name)
    if found is None:
        return Finding(BROKEN, name, "not installed", f"pip install {name}")
    try:
        importlib.import_module(module)
    except Exception as error:  # a broken build raises anything: RuntimeError, OSError, AttributeError
        reason = " ".join(str(error).split())[:120]
        return Finding(BROKEN, name, f"{found} cannot be imported ({reason})", repair(name))
    return Finding(GOOD, name, found)


def repair(name: str) -> str:
    """Return the command that installs a package anew; torchvision's builds belong to one torch each."""
    pair = "torch torchvision" if name in ("torch", "torchvision") else name
    return f"pip install --force-reinstall {pair}"


def torch_fits_torchvision() -> Finding:
    """Say whether the installed torch is the one that torchvision was built for."""
    about, torch, vision = "torch for torchvision", installed("torch"), installed("torchvision")
    if torch is None or vision is None:
        return Finding(BROKEN, about, "not both are installed", "pip install torch torchvision")
    pins = [re.match(r"torch\s*\(?==\s*([\w.]+)", line) for line in requires("torchvision") or []]
    wanted = next((pin[1] for pin in pins if pin), None)
    if wanted is None or torch.partition("+")[0] == wanted:
        return Finding(GOOD, about, f"torchvision {vision} goes with torch {torch}")
    told = f"torchvision {vision} was built for torch {wanted}, here is torch {torch}"
    return Finding(BROKEN, about, told, f"pip install torch=={wanted} torchvision=={vision.partition('+')[0]}")


def extras() -> Iterator[Finding]:
    """Say which optional packages are there, and what each is for."""
    for name, purpose in EXTRAS.items():
        if found := installed(name):
            yield Finding(GOOD, name, f"{found}, for {purpose}")
        else:
            yield Finding(LACKING, name, f"not installed; only for {purpose}", f"pip install {name}")


def installed(name: str) -> str | None:
    """Return a package's version, None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def threads() -> Finding:
    """Say how many threads torch takes on how many cores."""
    import torch

    taken, cores = torch.get_num_threads(), os.cpu_count()
    named = os.environ.get("OMP_NUM_THREADS")
    return Finding(GOOD, "threads", f"{taken} on {cores} cores" + (f" (OMP_NUM_THREADS={named})" if named else ""))


def gpu() -> Finding:
    """Say which GPUs torch can use, with driver and memory."""
    import torch

    seen = nvidia_smi()
    if torch.cuda.is_available():
        names = [f"{torch.cuda.get_device_name(i)}, {readable(torch.cuda.mem_get_info(i)[1])}, "
                 f"{readable(torch.cuda.mem_get_info(i)[0])} free" for i in range(torch.cuda.device_count())]  # fmt: skip
        driver = f"; driver {seen[0][1]}" if seen else ""
        return Finding(GOOD, "GPU", "; ".join(names) + f" (CUDA {torch.version.cuda}{driver})")
    if not seen:
        return Finding(GOOD, "GPU", "none: digits at quick scale takes minutes on a CPU, the other datasets want a GPU")
    built = f"was built for CUDA {torch.version.cuda}" if torch.version.cuda else "was built for CPUs only"
    return Finding(LACKING, "GPU", f"{seen[0][0]} with driver {seen[0][1]} is here, but this torch {built} and cannot use it",
                   "install the torch and torchvision builds that pytorch.org/get-started names for that driver")  # fmt: skip


def nvidia_smi() -> list[tuple[str, str]]:
    """Return the name and driver of each GPU that the driver knows; empty where there is no driver."""
    words = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(words, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [line.split(",") for line in told.splitlines() if line.count(",") == 1]
    return [(name.strip(), driver.strip()) for name, driver in rows]


def inception_file(option: Path | None) -> Finding:
    """Say whether the Inception-2015 weights are here and are the published file."""
    from bench.metrics.inception import WEIGHTS, WEIGHTS_SHA256, cache_folder, find_weights
    from bench.store.files import file_sha256

    about, purpose = "Inception weights", "for FID on every dataset but digits"
    mend = f"put clean-fid's {WEIGHTS} at {cache_folder() / WEIGHTS} (a run with network downloads it there)"
    try:
        path = find_weights(option)
    except InputError as error:
        return Finding(LACKING, about, str(error), mend)
    if path is None:
        return Finding(LACKING, about, f"not here; {purpose}", mend)
    if file_sha256(path) != WEIGHTS_SHA256:
        return Finding(LACKING, about, f"{path} is not the published file: its distance will not be called FID", mend)
    return Finding(GOOD, about, f"{path}, {purpose}")


def disk(out: Path) -> Finding:
    """Say how much room there is for runs, and whether they can be written."""
    there = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if not (there.is_dir() and os.access(there, os.W_OK)):
        return Finding(BROKEN, "run folder", f"{there} cannot be written", "name another with --out")
    if free < LOW_DISK_BYTES:
        return Finding(LACKING, "run folder", f"{out}: only {readable(free)} free", f"sfddm-bench clean --out {out}")
    return Finding(GOOD, "run folder", f"{out}: {readable(free)} free")


def datasets(root: Path) -> Iterator[Finding]:
    """Say of each dataset whether it is prepared, or how to prepare it."""
    try:
        there = prepared(root)
    except InputError as error:
        yield Finding(LACKING, "data", str(error))
        return
    for name, definition in CATALOGUE.items():
        own = [manifest for manifest in there if manifest.dataset == name]
        if own:
            sizes = ", ".join(f"{one.name} {one.resolution}x{one.resolution}: {one.count:,}" for one in own)
            yield Finding(GOOD, name, f"prepared in {root} ({sizes})")
            continue
        page = f", from {definition.page}" if definition.page else ""
        at = f" --resolution {definition.resolutions[0]}" if definition.resolutions else " --resolution 32"
        lmdb = "pip install lmdb && " if "lmdb" in definition.example and not installed("lmdb") else ""
        mend = f"{lmdb}sfddm-bench datasets prepare {name} {definition.example}{at}"
        yield Finding(LACKING, name, f"not in {root}: {definition.summary}{page}", mend)


def doctor_command(root: Path | None, inception: Path | None, out: Path) -> int:
    """Print what was found; return 1 where not even a digits run can work."""
    console = Console(highlight=False)
    broken = 0
    for finding in examine(root, inception, out):
        broken += finding.mark == BROKEN
        colour = COLOURS[finding.mark]
        console.print(f"[{colour}]{finding.mark}[/] [bold]{finding.about:22}[/]", end=" ")
        console.print(finding.found, markup=False, soft_wrap=True)
        if finding.mend:
            console.print(f"{'':26}mend: {finding.mend}", style=colour, markup=False, soft_wrap=True)
    if broken:
        console.print(f"[red]{broken} broken: no run can work until that is mended[/]")
    else:
        console.print("[green]a digits run can work here:[/] sfddm-bench run --dataset digits --scale smoke")
    return 1 if broken else 0
