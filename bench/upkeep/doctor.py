"""What this machine has and lacks for the suite, each lack with the command that fixes it.

Packages are looked up, for importing them takes seconds: whether each is installed, and as its installer wrote it. One
that is not, or all on request, are imported as a run does, so that a build that cannot work shows. Torch is asked about
GPUs only where there is a sign of one.
"""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution, requires, version
from pathlib import Path

from bench.config.devices import may_have_gpu
from bench.datasets.catalogue import CATALOGUE
from bench.datasets.dataset import data_root
from bench.datasets.packed import survey
from bench.metrics.extractors import extractors, there
from bench.metrics.network_files import WEIGHTS, WEIGHTS_SHA256, cache_folder, find_weights
from bench.store.files import file_sha256, nearest_there, readable_size
from sfddm.errors import InputError
from sfddm.words import on_one_line

GOOD, LACKING, BROKEN = "ok", "--", "!!"  # broken: not even a digits run can work
COLOURS = {GOOD: "green", LACKING: "yellow", BROKEN: "red"}
LOW_DISK_BYTES = 2 * 10**9

# What cannot be done without, by the name it is installed under, with the module that shows it works. NEVER_IMPORTED: a
# run takes its digits from scikit-learn's files, and no code of it; those two would take as long again as torch.
NEEDED = {
    "torch": "torch",
    "torchvision": "torchvision",
    "numpy": "numpy",
    "scipy": "scipy.linalg",
    "clean-fid": "cleanfid",
    "scikit-learn": "sklearn",
    "pandas": "pandas",
    "matplotlib": "matplotlib",
    "pillow": "PIL.Image",
    "pydantic": "pydantic",
    "safetensors": "safetensors.torch",
    "typer": "typer",
    "rich": "rich",
    "platformdirs": "platformdirs",
}
NEVER_IMPORTED = ("clean-fid", "scikit-learn")
LIBRARY = re.compile(r"\.(so|pyd|dll|dylib)(\.[0-9.]+)?$")
EXTRAS = {"lmdb": "preparing LSUN from its LMDB folders", "diffusers": "teachers from diffusers' UNet2DModel folders"}


@dataclass(frozen=True)
class Line:
    """One line: a mark, what it is about, what was found, and the command or step that fixes it."""

    mark: str
    about: str
    found: str
    fix: str = ""


def examine(root: Path | None, inception: Path | None, runs: Sequence[Path], imports: bool = False) -> Iterator[Line]:
    """Yield everything there is to say about this machine; runs: the folders that runs are, or will be, in.

    imports: every package that a run imports is imported.
    """
    yield Line(GOOD, "Python", platform.python_version())
    packages: dict[str, Line] = {}
    for name, module in NEEDED.items():
        packages[name] = package(name, module, imports)
        yield packages[name]
    yield torch_fits_torchvision()
    yield from extras()
    yield threads()
    if packages["torch"].mark == GOOD:
        yield gpu()
        yield from compiler()
    yield inception_file(inception)
    yield from extractor_files()
    yield from map(disk, runs)
    yield Line(GOOD, "digits", "built in, nothing to prepare")
    yield from datasets(data_root(root))


def compiler() -> Iterator[Line]:
    """Yield whether networks can be compiled for the GPU, where they are by default; a moment's compilation tells."""
    if not may_have_gpu():
        return

    import torch

    from sfddm.compiling import fault

    if not torch.cuda.is_available():
        return
    why = fault("cuda")
    fix = "install a C++ compiler and Triton, or give --set performance.compile=false"
    yield Line(GOOD, "compiler", "works") if why is None else Line(LACKING, "compiler", f"runs go eager: {why}", fix)


def package(name: str, module: str, imports: bool = False) -> Line:
    """Say which version of a package is installed; it is imported if it is not what was installed, or on request."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return Line(BROKEN, name, "not installed", f"pip install {name}")
    try:
        if (spec := importlib.util.find_spec(module.partition(".")[0])) is None:
            raise ImportError(f"no module named {module}")
        place = Path(spec.origin or "")
        if imports or not as_installed(found, place):
            try_out(name, module, place)
    except Exception as error:  # a broken build raises anything: RuntimeError, OSError, AttributeError
        reason = on_one_line(error, 120)
        return Line(BROKEN, name, f"{found.version} cannot be imported ({reason})", repair(name))
    return Line(GOOD, name, found.version)


def as_installed(found: Distribution, module: Path) -> bool:
    """Tell whether a module is where its package was installed, with every library in it and of the size it had then.

    What another folder on the path hides is not, nor is what lacks a library or has a shortened one or another build's.
    """
    if Path(str(found.locate_file(""))).resolve() not in module.resolve().parents:
        return False
    libraries = [file for file in found.files or [] if LIBRARY.search(file.name)]
    try:
        return all(Path(file.locate()).stat().st_size == file.size for file in libraries if file.size is not None)
    except OSError:
        return False


def try_out(name: str, module: str, place: Path) -> None:
    """Import a package's module as a run does. A build that cannot work raises anything."""
    if name == "torchvision":
        load_operators(place.parent)
    elif name not in NEVER_IMPORTED:
        importlib.import_module(module)


def load_operators(torchvision: Path) -> None:
    """Load torchvision's compiled operators into torch. Raises OSError or RuntimeError if they were built for another.

    This is what importing it does, without the rest of it.
    """
    import torch

    for library in torchvision.glob("_C*.so"):
        torch.ops.load_library(library)


def repair(name: str) -> str:
    """Return the command that installs a package again; torchvision's builds belong to one torch each."""
    pair = "torch torchvision" if name in ("torch", "torchvision") else name
    return f"pip install --force-reinstall {pair}"


def torch_fits_torchvision() -> Line:
    """Say whether the installed torch is the one that torchvision was built for."""
    about, torch, vision = "torch for torchvision", installed("torch"), installed("torchvision")
    if torch is None or vision is None:
        return Line(BROKEN, about, "not both are installed", "pip install torch torchvision")
    pins = [re.match(r"torch\s*\(?==\s*([\w.]+)", line) for line in requires("torchvision") or []]
    wanted = next((pin[1] for pin in pins if pin), None)
    if wanted is None or torch.partition("+")[0] == wanted:
        return Line(GOOD, about, f"torchvision {vision} goes with torch {torch}")
    told = f"torchvision {vision} was built for torch {wanted}, here is torch {torch}"
    return Line(BROKEN, about, told, f"pip install torch=={wanted} torchvision=={vision.partition('+')[0]}")


def extras() -> Iterator[Line]:
    """Say which optional packages are there, and what each is for."""
    for name, purpose in EXTRAS.items():
        if found := installed(name):
            yield Line(GOOD, name, f"{found}, for {purpose}")
        else:
            yield Line(LACKING, name, f"not installed; only for {purpose}", f"pip install {name}")


def installed(name: str) -> str | None:
    """Return a package's version, None if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def threads() -> Line:
    """Say how many threads torch is told to take on how many cores."""
    cores, named = os.cpu_count(), os.environ.get("OMP_NUM_THREADS")
    taken = f"{named}, as OMP_NUM_THREADS says," if named else "as many as torch takes by itself"
    return Line(GOOD, "threads", f"{taken} on {cores} logical cores")


def gpu() -> Line:
    """Say which GPUs torch can use, with driver and memory."""
    none = "none: digits at quick scale takes minutes on a CPU, the other datasets want a GPU"
    seen = nvidia_smi()
    if not seen and not may_have_gpu():
        return Line(GOOD, "GPU", none)

    import torch

    if torch.cuda.is_available():
        names = [
            f"{torch.cuda.get_device_name(i)}, {readable_size(torch.cuda.mem_get_info(i)[1])}, "
            f"{readable_size(torch.cuda.mem_get_info(i)[0])} free"
            for i in range(torch.cuda.device_count())
        ]
        driver = f"; driver {seen[0][1]}" if seen else ""
        return Line(GOOD, "GPU", "; ".join(names) + f" (CUDA {torch.version.cuda}{driver})")
    if not seen:
        return Line(GOOD, "GPU", none)
    built = f"was built for CUDA {torch.version.cuda}" if torch.version.cuda else "was built for CPUs only"
    return Line(
        LACKING,
        "GPU",
        f"{seen[0][0]} with driver {seen[0][1]} is here, but this torch {built} and cannot use it",
        "install the torch and torchvision builds that pytorch.org/get-started names for that driver",
    )


def nvidia_smi() -> list[tuple[str, str]]:
    """Return the name and driver of each GPU that the driver knows; empty if there is no driver."""
    words = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(words, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [line.split(",") for line in told.splitlines() if line.count(",") == 1]
    return [(name.strip(), driver.strip()) for name, driver in rows]


def inception_file(option: Path | None) -> Line:
    """Say whether the Inception-2015 weights are here and are the published file."""
    about, purpose = "Inception weights", "for FID on every dataset but digits"
    fix = f"put clean-fid's {WEIGHTS} at {cache_folder() / WEIGHTS} (a run with network downloads it there)"
    try:
        path = find_weights(option)
    except InputError as error:
        return Line(LACKING, about, str(error), fix)
    if path is None:
        return Line(LACKING, about, f"not here; {purpose}", fix)
    if file_sha256(path) != WEIGHTS_SHA256:
        return Line(LACKING, about, f"{path} is not the published file: its distance will not be called FID", fix)
    return Line(GOOD, about, f"{path}, {purpose}")


def extractor_files() -> Iterator[Line]:
    """Say of DINOv2, CLIP and other packages' extractors whether their weights are here."""
    try:
        declarations = extractors()
    except InputError as error:  # another package's, which cannot be loaded
        yield Line(LACKING, "extractors", str(error), "fix or uninstall that package")
        return
    for name, declared in declarations.items():
        about, path = f"{name} weights", cache_folder() / declared.weights
        network = " (a run with network downloads it there)" if declared.url else ""
        fix = f"put {declared.url or declared.weights} at {path}{network}, or give --extractor-weights FILE"
        try:
            found = there(declared)
        except InputError as error:
            yield Line(LACKING, about, str(error), fix)
            continue
        purpose = f"for --features {name}"
        if found is None:
            yield Line(LACKING, about, f"not here; nothing can be run {purpose}", fix)
        else:
            yield Line(GOOD, about, f"{path}, {purpose}")


def disk(run: Path) -> Line:
    """Say how much room there is for a run, and whether it can be written."""
    there = nearest_there(run)
    free = shutil.disk_usage(there).free
    if not (there.is_dir() and os.access(there, os.W_OK)):
        return Line(BROKEN, "run folder", f"{there} cannot be written", "name another with run --out")
    if free < LOW_DISK_BYTES:
        return Line(LACKING, "run folder", f"{run}: only {readable_size(free)} free", f"sfddm-bench clean {run}")
    return Line(GOOD, "run folder", f"{run}: {readable_size(free)} free")


def datasets(root: Path) -> Iterator[Line]:
    """Say of each dataset whether it is prepared, or how to prepare it."""
    there, faults = survey(root)
    yield from (Line(LACKING, "data", fault) for fault in faults.values())
    for name, definition in CATALOGUE.items():
        own = [manifest for manifest in there if manifest.dataset == name]
        if own:
            sizes = ", ".join(f"{one.name} {one.resolution}x{one.resolution}: {one.count:,}" for one in own)
            yield Line(GOOD, name, f"prepared in {root} ({sizes})")
            continue
        page = f", from {definition.page}" if definition.page else ""
        at = f" --resolution {definition.resolutions[0]}" if definition.resolutions else " --resolution 32"
        lmdb = "pip install lmdb && " if "lmdb" in definition.example and not installed("lmdb") else ""
        fix = f"{lmdb}sfddm-bench datasets prepare {name} {definition.example}{at}"
        yield Line(LACKING, name, f"not in {root}: {definition.summary}{page}", fix)
