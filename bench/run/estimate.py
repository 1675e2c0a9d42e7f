"""What a sweep will take, before it begins: network evaluations, time from a short trial here, bytes on the disk."""

import heapq
import math
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch

from bench.records.pictures import PAIRS_SHOWN, PATHS_SHOWN, SHOWN
from bench.run.jobs import divide
from bench.run.outlook import Outlook
from bench.run.speeds import SPEEDS, Speeds, about_machine
from bench.run.sweep import Sweep
from bench.run.work import PARTS, Calls, Work, work_of
from bench.run.worker import Worker
from bench.store.files import nearest_there, readable_size
from bench.store.layout import RunFolder
from bench.store.stage import Stage
from bench.store.text import duration
from sfddm.errors import InputError
from sfddm.files import remove_dead
from sfddm.interpolation import POINTS
from sfddm.words import plural

# Of all trials together, without what warms them up; each makes two calls of one image at least.
TRIAL_SECONDS = {"smoke": 0.2, "quick": 2.0, "paper": 2.0}
LONGEST = 4.0  # seconds after which only calls are tried whose like is not known
A_RECORD = 12_000  # bytes of a cell: its record, and its lines in tables
RENDERED = 320_000  # bytes of the tables and plots of a set of records, as runs on digits wrote them


def outlook_of(sweep: Sweep, worker: Worker, forced: Iterable[Stage], keep: bool) -> Outlook:
    """Return what is to be done of a sweep; the seconds of calls that were never made here are tried first.

    keep: whether what was tried may be written into the run folder.
    """
    again = {stage.key for stage in forced}
    run = worker.store.run
    work = work_of(sweep, run, lambda stage: stage.key in again or not worker.store.is_done(stage))
    speeds = Speeds(run.root, about_machine(sweep.context.config, worker.device, worker.world.size))
    if untried(work, speeds):
        worker.display.say("estimating what is ahead: a short trial of what it will do")
    try_out(work, speeds, worker.device, TRIAL_SECONDS[sweep.context.config.scale], worker.world.size)
    if keep:
        remove_dead(run.root, SPEEDS)  # a run that has nothing to try writes none, and would leave it
        speeds.write()
    return Outlook(sweep, run, work, speeds)


def untried(work: dict[str, Work], speeds: Speeds) -> dict[Calls, list[Work]]:
    """Return the work whose calls were never made here, by the calls."""
    found: dict[Calls, list[Work]] = {}
    for one in work.values():
        if one.trial is not None and not speeds.knows(one.calls):
            found.setdefault(one.calls, []).append(one)
    return found


def try_out(
    work: dict[str, Work],
    speeds: Speeds,
    device: str,
    seconds: float,
    processes: int = 1,
    clock: Callable[[], float] = time.perf_counter,
    worked: Callable[[], float] = time.process_time,
) -> None:
    """Try the calls whose time is not known, the largest work first; what cannot be tried stays unknown.

    seconds: of all trials together.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        return  # it is done elsewhere
    ahead = untried(work, speeds)
    # The network's calls before those of which metrics are made, and what there is most of first.
    order = sorted(ahead, key=lambda calls: max((w.evaluations, w.amount) for w in ahead[calls]), reverse=True)
    began = clock()
    for calls in order:
        one = ahead[calls][0]
        if clock() - began > LONGEST and speeds.seconds(calls) is not None:
            continue
        assert one.trial is not None
        try:
            taken, images = one.trial.seconds_of_an_image(device, seconds / len(order), clock, worked)
        except Exception:  # whatever it is, the stage itself will meet it, and say so
            continue
        shared = processes if one.evaluations else 1
        speeds.add(calls, images * taken / shared, images * one.per_image)
    if device.startswith("cuda"):
        torch.cuda.empty_cache()


def bytes_to_write(sweep: Sweep, work: dict[str, Work], jobs: int = 1) -> tuple[int, int]:
    """Return the bytes that a sweep's stages and records will take, and those that `jobs` stages take as they work."""
    cells = sum(any(stage.key in work for stage in cell.stages) for cell in sweep.cells)
    kept = sum(one.kept for one in work.values()) + cells_bytes(sweep, cells)
    return kept, sum(heapq.nlargest(jobs, (one.passing for one in work.values())))


def cells_bytes(sweep: Sweep, cells: int) -> int:
    """Return the bytes of the records of cells and of what is beside and rendered from them."""
    asked = sweep.context.config.evaluation
    shown = min(SHOWN, asked.images) + 2 * min(PAIRS_SHOWN, asked.images)
    shown += 2 * min(PATHS_SHOWN, asked.interpolation_paths) * POINTS
    pictures = shown * math.prod(sweep.context.shape)
    return cells * (A_RECORD + 2 * pictures) + RENDERED * (cells > 0)


def check_disk(sweeps: Iterable[Sweep], out: Path, jobs: int | None = None) -> None:
    """Raise InputError if the disk of the run folder has less free than is still to be written. Nothing is written.

    jobs: stages side by side; None: as many as pay.
    """
    run, kept, passing = RunFolder(out), 0, 0
    for sweep in sweeps:
        work = work_of(sweep, run, lambda stage: not stage.folder(run).is_done)
        own, most = bytes_to_write(sweep, work, divide(sweep, jobs, torch.get_num_threads()).jobs)
        kept, passing = kept + own, max(passing, most)
    free = shutil.disk_usage(nearest_there(out)).free
    if kept + passing > free:
        raise InputError(
            f"--out: '{out}' given, but its disk has {readable_size(free)} free, and {readable_size(kept + passing)} "
            f"are still to be written, of which {readable_size(passing)} only while it works; free some, name a "
            "folder on another disk, or ask for fewer cells or --images"
        )


def lines(sweep: Sweep, outlook: Outlook, jobs: int) -> Iterator[str]:
    """Yield what is ahead in a few lines; none if everything is done."""
    if not outlook.work:
        return
    of = {part: sum(work.evaluations for work in outlook.of(part).values()) for part in PARTS}
    yield (
        f"to do: {plural(outlook.cells_left, 'cell')}, {plural(len(outlook.work), 'stage')}; network evaluations: "
        f"{of['teacher'] + of['folds']:,} of training, {of['sampling']:,} of sampling"
    )
    kept, _ = bytes_to_write(sweep, outlook.work)
    yield f"{readable_size(kept)} to write; {besides(sweep, outlook, jobs)}"
    yield f"{outlook}, from a short trial on this device: a rough guess, which gets better while it works"
    yield from unknown(outlook)


def table(sweep: Sweep, outlook: Outlook, jobs: int) -> Iterator[str]:
    """Yield the lines of a table of what is ahead, by parts, as one stage after the other takes it."""
    if not outlook.work:
        return
    yield f"{'to do':12}{'evaluations':>20}{'time':>12}{'disk':>12}"
    rows = [(part, outlook.of(part)) for part in PARTS]
    for part, work in rows:
        yield row(part, work.values(), sum(map(outlook.seconds_of, work)), sum(one.kept for one in work.values()))
    yield row("cells", (), 0.0, cells_bytes(sweep, outlook.cells_left))
    kept, _ = bytes_to_write(sweep, outlook.work)
    yield row("all", outlook.work.values(), sum(map(outlook.seconds_of, outlook.work)), kept)
    yield besides(sweep, outlook, jobs)
    yield from unknown(outlook)


def besides(sweep: Sweep, outlook: Outlook, jobs: int) -> str:
    """Return in words what disk it takes besides what stays, and what there is."""
    _, passing = bytes_to_write(sweep, outlook.work, jobs)
    root = outlook.run.root
    free = shutil.disk_usage(nearest_there(root)).free
    return f"{readable_size(passing)} more while it works; the disk of '{root}' has {readable_size(free)} free"


def unknown(outlook: Outlook) -> Iterator[str]:
    """Yield a line on the stages of whose time nothing is known, if there are any."""
    if kinds := outlook.unknown:
        yield f"not counted, for nothing is known of it before one is done: the time of {', '.join(kinds)}"


def row(name: str, work: Iterable[Work], seconds: float, size: int) -> str:
    """Return a line of the table."""
    evaluations = sum(one.evaluations for one in work)
    shown = duration(seconds) if seconds else "-"
    return f"{name:12}{evaluations or '-':>20{',' if evaluations else ''}}{shown:>12}{readable_size(size):>12}"
