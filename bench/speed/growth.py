"""How the cost of a sweep's bookkeeping grows with its cells, and of sampling and metrics with images and features.

    python -m bench.speed.growth [FOLDER]     writes growth.md and growth.json

A run of one cell of each kind is done at the smallest scale. Larger ones are as a sweep leaves them, but that the work
of each stage was to copy what a stage of its kind had made. Every measurement is made in a process of its own and kept
at once: the same command resumes where the last one ended.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bench.commands.options import check_could_write
from bench.speed import metrics_growth
from bench.speed.measured import LINEAR, Cost, Measured, Work, in_a_process, powers
from bench.store.files import read_object, write_json, write_text
from bench.store.provenance import git_revision, machine, versions
from bench.tables.markdown import markdown_table
from bench.tables.table import DASH, Entry, Table, number
from sfddm import files
from sfddm.errors import InputError

if TYPE_CHECKING:
    from bench.run.sweep import Sweep
    from bench.run.worker import Worker
    from bench.store.stage import Job

METHODS = ("sfddm", "sfddm-trajectory", "scratch", "ddim", "ddpm")
# Cells: the step counts and the seeds of the five methods. A row of real images for each seed comes on top.
SIZES = {10: (2, 1), 20: (4, 1), 100: (10, 2), 1_000: (20, 10), 5_000: (40, 25)}
CELLS = (10, 100, 1_000, 5_000)
EXPLAINED = (
    "Each row is measured in a process of its own with one thread; reading what it is given, and imports, are outside "
    "the clock. Memory is the peak above what the process held when the clock began. `power` is that of the size by "
    f"which the seconds of one core grew from the row above: 1 is linear, up to {LINEAR} counts as it."
)
WHAT_CELLS = (
    "The work of each stage is to copy what a stage of its kind had made, so that `doing` is what a sweep costs beside "
    "its work: stages, records and pictures, each synced to the disk. The other parts are done on the run it leaves."
)
WHAT_IMAGES = (
    f"Sampling: DDIM with one step of a small network at {metrics_growth.SIDE}x{metrics_growth.SIDE}. Metrics compare "
    "as many random features with as many; as many are held out."
)


def sweep_of(step_counts: int, seeds: int, methods: Sequence[str] = METHODS) -> "Sweep":
    """Return a sweep of digits, planned and no more."""
    from bench.config.preset import load_preset
    from bench.config.resolve import resolve
    from bench.config.variants import methods_by_steps
    from bench.datasets.registry import load
    from bench.run.sweep import make_sweep

    config = resolve(load_preset("digits"), "smoke")
    cells = methods_by_steps(methods, range(1, step_counts + 1))
    return make_sweep(config, load("digits", config.resolution, None, config.data.held_out), cells, range(seeds))


def worker_of(run: Path) -> "Worker":
    """Return who does the stages of a run folder, and says nothing."""
    from bench.run.worker import Worker
    from bench.store.progress import Display

    return Worker(run, "cpu", Display(quiet=True))


def model(run: Path, size: int) -> Work:
    """Return the doing of one cell of each kind in full: what larger runs are copied from."""
    from bench.run.local import run_sweep

    return lambda: run_sweep(sweep_of(1, 1, ("sfddm", "ddim")), worker_of(run))


def doing(run: Path, size: int) -> Work:
    """Return the doing of a sweep without its work: each stage copies what the model's of its kind made."""
    from bench.records.measured import COST
    from bench.run.local import run_sweep
    from bench.store.files import read_object
    from bench.store.layout import SETTINGS, RunFolder, StageFolder

    made: dict[str, StageFolder] = {folder.kind: folder for folder in RunFolder(run.parent / MODEL).stage_folders()}
    sweep = sweep_of(*SIZES[size])

    def copy(job: "Job") -> None:
        stage = by_name[job.folder.name]
        marker = made[stage.kind].marker()
        for name in marker["sha256"].keys() - {SETTINGS}:
            files.copy(made[stage.kind].path / name, job.folder / name)
        if stage.kind in ("samples", "cost"):
            cost = read_object(job.folder / COST)
            write_json(job.folder / COST, cost | {"nfe": stage.settings["steps"]})
        read = {name.rpartition("-")[0]: artefacts for name, artefacts in marker["parents"].items()}
        for parent in stage.parents:
            for artefact in read.get(parent.kind, ()):
                job.path(parent, artefact)

    by_name = {stage.name: stage for stage in sweep.stages}
    for stage in sweep.stages:
        object.__setattr__(stage, "work", copy)
    return lambda: run_sweep(sweep, worker_of(run))


def planning(run: Path, size: int) -> Work:
    """Return the planning of a sweep of which nothing is done yet, and how it is divided among processes."""
    from bench.run.jobs import divide
    from bench.run.local import plan

    def work() -> None:
        sweep = sweep_of(*SIZES[size])
        divide(sweep, 2, 2)
        list(plan(sweep, worker_of(run.parent / "empty")))

    return work


def handing_out(run: Path, size: int) -> Work:
    """Return the walk over a sweep's stages as worker processes are given them, each done at once."""
    from bench.run.jobs import divide
    from bench.run.walk import Walk

    sweep = sweep_of(*SIZES[size])
    division = divide(sweep, 2, 2)

    def work() -> None:
        walk = Walk(sweep.stages, division.is_alone)
        while walk:
            stage = walk.take() or walk.take(alone=True)
            assert stage is not None
            walk.done(stage)

    return work


def rechecking(run: Path, size: int) -> Work:
    """Return the same command once more, when all is done."""
    from bench.run.local import run_sweep

    return lambda: run_sweep(sweep_of(*SIZES[size]), worker_of(run))


def status(run: Path, size: int) -> Work:
    """Return `sfddm-bench status`."""
    from bench.commands.status import status
    from bench.store.requests import write_request

    write_request(run, sweep_of(*SIZES[size]).request())
    return lambda: status([run])


def verify(run: Path, size: int) -> Work:
    """Return `sfddm-bench verify`, after `tables`."""
    from bench.store.progress import Display
    from bench.upkeep.verify import Verification, result_folders, verify_folder

    def work() -> None:
        result = Verification()
        for folder in result_folders([run]):
            verify_folder(folder, result, Display(quiet=True))
        assert not result.differences, result.differences[:3]

    return work


def tables(run: Path, size: int) -> Work:
    """Return `sfddm-bench tables`."""
    import bench.rendering  # noqa: F401 - imports are not what grows
    from bench.commands.tables import tables

    return lambda: tables([run], None)


def plots(run: Path, size: int) -> Work:
    """Return `sfddm-bench plots`."""
    import bench.plots.figures
    import bench.rendering  # noqa: F401
    from bench.commands.plots import plots

    return lambda: plots([run], None)


def report(run: Path, size: int) -> Work:
    """Return `sfddm-bench report`."""
    from bench.report.page import write_report

    return lambda: write_report([run])


def cleaning(run: Path, size: int) -> Work:
    """Return the search for what nothing needs."""
    from bench.upkeep.clean import leftovers

    return lambda: leftovers(run)


# In the order in which they are measured: those after `doing` need the run that it leaves.
DOING, MODEL = "doing", "model"
PARTS: dict[str, Callable[[Path, int], Work]] = {
    "planning": planning,
    "handing out": handing_out,
    DOING: doing,
    "re-checking": rechecking,
    "status": status,
    "tables": tables,
    "plots": plots,
    "report": report,
    "verify": verify,
    "cleaning": cleaning,
}


def work_of(part: str, run: str, cells: str) -> Work:
    """Return the work of a part on a run folder of so many cells, beside which is the folder of the model."""
    return (PARTS | {MODEL: model})[part](Path(run), int(cells))


class Page:
    """What was measured so far, kept in a folder as growth.json and growth.md. Raises InputError for another machine's.

    rows: of each part and size, with the source revision that it was measured at.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.rows: dict[tuple[str, tuple[int, ...]], tuple[Cost, dict[str, Any]]] = {}
        self.git = git_revision()  # now, for the page itself may be among the files that change
        self.about = {"machine": machine("cpu") | {"threads": 1}, "versions": versions()}
        path = folder / "growth.json"
        if not path.exists():
            return
        kept = read_object(path)
        if {name: kept.get(name) for name in self.about} != self.about:
            raise InputError(f"{path}: measured on another machine or with other versions; remove it to start over")
        for row in kept["rows"]:
            self.rows[row["part"], tuple(row["size"])] = Cost(**row["cost"]), row["git"]

    def keep(self, part: str, size: tuple[int, ...], cost: Cost) -> None:
        """Take in what was measured, and write it down."""
        self.rows[part, size] = cost, self.git
        self.write()

    def write(self) -> None:
        """Write growth.json and growth.md."""
        rows = [
            {"part": name, "size": list(of), "cost": asdict(found), "git": git}
            for (name, of), (found, git) in self.rows.items()
        ]
        write_json(self.folder / "growth.json", self.about | {"rows": rows})
        write_text(self.folder / "growth.md", self.markdown())

    def measured(self, parts: Sequence[str]) -> list[Measured]:
        """Return the rows of some parts, part by part: by cells, or by images at the most features and the reverse.

        The row of the most images and the most features ends both, and so is there twice.
        """
        rows = sorted(((part, size, cost) for (part, size), (cost, _) in self.rows.items()), key=lambda row: row[1])
        found = []
        for part in parts:
            own = [Measured(part, size, cost) for name, size, cost in rows if name == part]
            most = max((row.size[1] for row in own if row.size[1:]), default=None)
            found += [row for row in own if row.size[1:] in ((), (most,))]
            found += [row for row in own if most is not None and row.size[0] == own[-1].size[0]]
        return found

    def markdown(self) -> str:
        """Return the page."""
        cells, images = self.measured(list(PARTS)), self.measured(list(metrics_growth.parts()))
        trees = dict.fromkeys(
            f"{(git['revision'] or 'unknown')[:7]}{' with changes' * bool(git['dirty'])}"
            for _, git in self.rows.values()
        )
        on = f"{self.about['machine']['processor']}, PyTorch {self.about['versions']['torch']}"
        lines = ["# How cost grows", "", f"One core of {on}, source {', '.join(trees)}.", "", EXPLAINED]
        for rows, table, what in ((cells, table_of, WHAT_CELLS), (images, metrics_growth.table_of, WHAT_IMAGES)):
            if rows:
                shown = table(rows)
                lines += ["", f"## {shown.title}", "", what, "", faster_than_linearly(rows)]
                lines += ["", *markdown_table(shown)]
        return "\n".join(lines) + "\n"


def table_of(rows: Sequence[Measured]) -> Table:
    """Return what was measured over cells as a table."""
    entries = []
    for row, power in zip(rows, powers(rows), strict=True):
        peak = row.cost.peak_bytes
        texts = (
            row.part,
            f"{row.size[0]:,}",
            number(row.cost.seconds, None),
            number(row.cost.wall_seconds, None),
            DASH if peak is None else number(peak / 2**20, 0),
            DASH if power is None else number(power, 2),
        )
        entries.append(tuple(map(Entry, texts)))
    head = ("part", "cells", "seconds of one core", "seconds", "peak MiB", "power")
    return Table("A sweep's bookkeeping", (), head, tuple(entries))


def faster_than_linearly(rows: Sequence[Measured]) -> str:
    """Return a line that names what grew faster than linearly to its largest size, in one thing or another."""
    last: dict[tuple[str, int], float] = {}  # by the part and which number grew
    for one, row, power in zip(rows, rows[1:], powers(rows)[1:], strict=False):
        if power is not None:
            last[
                row.part, next(place for place, (a, b) in enumerate(zip(one.size, row.size, strict=True)) if a != b)
            ] = power
    over = dict.fromkeys(part for (part, _), power in last.items() if power > LINEAR)
    return f"Faster than linearly, to the largest size: {', '.join(over) or 'nothing'}."


def measure_cells(page: Page, work: Path, counts: Sequence[int]) -> None:
    """Measure what is missing of the parts over cells, in an empty folder."""
    for cells in counts:
        run, missing = work / str(cells), [part for part in PARTS if (part, (cells,)) not in page.rows]
        if missing and not (work / MODEL / "records").is_dir():
            in_a_process(__spec__.name, MODEL, work / MODEL, 1)
        for part in PARTS:
            if part in missing or (part == DOING and missing):  # the others need the run that it leaves
                say(f"{part}, {cells:,} cells")
                cost = in_a_process(__spec__.name, part, run, cells)
                if part in missing:
                    page.keep(part, (cells,), cost)
        shutil.rmtree(run, ignore_errors=True)


def measure_images(page: Page, images: Sequence[int], features: Sequence[int]) -> None:
    """Measure what is missing of the parts over images and features."""
    for part, size in metrics_growth.sizes(images, features):
        if (part, size) not in page.rows:
            say(
                ", ".join(
                    [part, *(f"{count:,} {what}" for count, what in zip(size, ("images", "features"), strict=False))]
                )
            )
            page.keep(part, size, in_a_process(metrics_growth.__name__, part, *size))


def say(line: str) -> None:
    """Print what is measured now."""
    print(line, file=sys.stderr, flush=True)


def main(words: Sequence[str] | None = None) -> None:
    """Measure what is missing and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.speed.growth", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("results/speed"), help="of growth.md, growth.json")
    parser.add_argument("--cells", nargs="*", type=int, default=CELLS, choices=SIZES, help="none to leave them out")
    parser.add_argument("--images", nargs="*", type=int, default=metrics_growth.IMAGES, help="none to leave them out")
    parser.add_argument("--features", nargs="+", type=int, default=metrics_growth.FEATURES)
    given = parser.parse_args(words)
    try:
        check_could_write(given.folder, "FOLDER")
        page = Page(given.folder)
    except InputError as fault:
        parser.error(str(fault))
    with TemporaryDirectory() as work:  # takes 1.5 GB
        measure_cells(page, Path(work), sorted(given.cells))
    if given.images:
        measure_images(page, sorted(given.images), sorted(given.features))
    page.write()  # as this version shows it, even if all was measured


if __name__ == "__main__":
    main()
