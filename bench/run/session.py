"""The `run` command, and what every command that runs a sweep shares: prepare it, run it, render it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.commands.checks import check_device, check_writable
from bench.config import methods
from bench.config.preset import Preset, load_preset
from bench.config.resolve import resolve
from bench.config.variants import base_name
from bench.datasets.registry import definition_name, load
from bench.metrics import METRICS
from bench.metrics.spaces import check_feature_space, inception_weights
from bench.records.pictures import write_grid
from bench.records.record import Record, read_records
from bench.rendering import print_cells, render
from bench.run.local import forced_stages, plan, run_sweep, wanted
from bench.run.sweep import Sweep, make_sweep, methods_by_steps
from bench.run.torchrun import follow, followed
from bench.store.progress import Display
from bench.store.requests import write_wanted
from bench.store.store import Store
from bench.store.timing import Parts, seconds_since_start
from sfddm.distributed import joined
from sfddm.errors import WorkFailed
from sfddm.performance import set_products


@dataclass(frozen=True)
class Request:
    """What is to be run on one dataset; None leaves a thing to the dataset's preset. cells: (method, steps)."""

    dataset: str
    cells: Sequence[tuple[str, int]]
    seeds: Sequence[int]
    resolution: int | None = None
    scale: str | None = None
    images: int | None = None
    budget: int | None = None
    assignments: Sequence[str] = ()
    metrics: Sequence[str] = METRICS


@dataclass(frozen=True)
class Place:
    """Where it is run, and where its data and results are. Made when the command begins: it has the run's clock."""

    device: str
    out: Path
    data_root: Path | None = None
    inception: Path | None = None
    dry_run: bool = False
    force: tuple[str, ...] = ()
    executor: str = "local"
    address: str | None = None  # of a running cluster, where the executor has one
    parts: Parts = field(default_factory=Parts)  # what the wall clock goes into


def run_command(dataset: str, resolution: int | None, steps: Sequence[int] | None, names: Sequence[str] | None,
                seeds: Sequence[int], scale: str | None, images: int | None, budget: int | None, assignments: Sequence[str],
                metrics: Sequence[str], place: Place) -> None:  # fmt: skip
    """Check everything, then run (or only print) the sweep.

    Raises InputError before anything is written, and WorkFailed at the end where cells failed.
    """
    place.parts.add("start and imports", seconds_since_start())
    with place.parts.part("set-up"):
        preset = preset_of(dataset, place)
        cells = methods_by_steps(names or preset.methods, steps or preset.steps)
        sweep = prepare(Request(dataset, cells, seeds, resolution, scale, images, budget, assignments, metrics), place)
    records = perform(sweep, place)
    if records:
        finish(read_records(place.out), place, place.out)  # of this sweep and of earlier ones
    check_failures(records)


def finish(records: Sequence[Record], place: Place, rendered: Path) -> None:
    """Render records under a folder, write what the run's time went into, and print the paths."""
    with place.parts.part("tables and plots"):
        written = render(records, place.out, rendered)
    for path in [*written, place.parts.write(place.out)]:
        print(path)


def check_failures(records: Sequence[Record]) -> None:
    """Raise WorkFailed where cells failed."""
    failed = sum(record.failure is not None for record in records)
    if failed:
        raise WorkFailed(f"{failed} of {len(records)} cells failed; the same command tries them again")


def preset_of(dataset: str, place: Place) -> Preset:
    """Return the preset that a dataset takes. Raises InputError."""
    return load_preset(definition_name(dataset, place.data_root))


def prepare(request: Request, place: Place) -> Sweep:
    """Return the sweep of a request, everything checked; nothing is written. Raises InputError."""
    preset = preset_of(request.dataset, place)
    for name, _ in request.cells:
        methods.get(base_name(name))
    config = resolve(preset, request.scale, request.assignments, request.images, request.budget, request.resolution)
    device = check_device(place.device)
    data = load(request.dataset, config.resolution, place.data_root)
    check_feature_space(config, data)
    weights = inception_weights(config, place.inception, place.dry_run)
    return make_sweep(config, data, request.cells, request.seeds, weights, request.metrics, device)


def perform(sweep: Sweep, place: Place) -> list[Record]:
    """Run a sweep and return its records; a dry run only prints it, and a process that follows another returns none."""
    set_products("fp32")
    with joined() as world, Display(quiet=not world.writes) as display:
        store = Store(place.out, sweep.device, display, place.parts, world)
        if not world.writes:
            follow(sweep, store)
            return []
        with followed(store):
            records = lead(sweep, store, place)
    if records:
        with place.parts.part("records and pictures"):
            real = f"{sweep.images.name}-{sweep.config.resolution}-{sweep.config.scale}/real-data.png"
            write_grid(sweep.images.pixels, place.out / "records" / real)
            print_cells(records)
    return records


def lead(sweep: Sweep, store: Store, place: Place) -> list[Record]:
    """Run a sweep, or print it, in the process that plans and writes."""
    forced = forced_stages(sweep, place.force)
    if place.dry_run:
        store.forced |= {stage.key for stage in forced}
        print_plan(sweep, store)
        return []
    check_writable(place.out)
    store.force(forced)
    write_wanted(store.root, wanted(sweep, store))
    if place.executor == "ray":
        from bench.run.ray import compute  # Ray is an optional package

        compute(sweep, store, place.address, place.data_root)
    return run_sweep(sweep, store)


def print_plan(sweep: Sweep, store: Store) -> None:
    """Print every stage and cell with what would be done."""
    for state, label, why, where in plan(sweep, store):
        print(f"{state:8} {label}" + (f": {why}" if why else "") + (f"  [{where}]" if where else ""))
