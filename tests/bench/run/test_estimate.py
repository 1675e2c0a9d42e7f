"""What a sweep will take is said before it begins, and refused if the disk does not hold it."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.command_line import TINY, sfddm_bench
from helpers.forked_runs import Server

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.datasets.registry import load
from bench.run.estimate import bytes_to_write, check_disk, lines, table, try_out
from bench.run.outlook import Outlook
from bench.run.speeds import SPEEDS, Speeds
from bench.run.sweep import Sweep, make_sweep
from bench.run.trials import Call, Trial
from bench.run.work import Calls, Work, whole_work
from bench.store.layout import RunFolder
from sfddm.errors import InputError

WORDS = ["run", "--methods", "ddim", "--steps", "1", *TINY]
# In one expression: what a process runs first sees no names of its own from within a function.
FULL = "import shutil; shutil.disk_usage = lambda path: __import__('types').SimpleNamespace(total=2**40, free={free})"


def sweep() -> Sweep:
    """Return SFDDM at one step of the run that tests share."""
    config = resolve(load_preset("digits"), "smoke", [word for word in TINY if "." in word], 20)
    return make_sweep(config, load("digits", 8, None, 0.2), [("sfddm", 1)], (0,))


SWEEP = sweep()


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    code, said = server.run(*WORDS, "--out", str(out), setup=FULL.format(free=100_000))
    assert code == 2, said
    assert re.fullmatch(
        rf"sfddm-bench: --out: '{out}' given, but its disk has 100.0 kB free, and [\d.]+ MB are still to be written, "
        r"of which [\d.]+ MB only while it works; free some, name a folder on another disk, or ask for fewer cells "
        r"or --images\n",
        said,
    )
    assert not out.exists()


def test_a_finished_run_needs_no_disk(monkeypatch: pytest.MonkeyPatch, digits_run: Path, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(total=1, free=0))
    check_disk([SWEEP], digits_run)
    with pytest.raises(InputError, match="--out"):
        check_disk([SWEEP], tmp_path)


def test_stages_side_by_side_are_on_the_disk_together() -> None:
    work = whole_work(SWEEP)
    one, two = (bytes_to_write(SWEEP, work, jobs) for jobs in (1, 2))
    largest = sorted(work.values(), key=lambda each: each.passing)[-2:]
    assert one[0] == two[0]
    assert (one[1], two[1]) == (largest[1].passing, largest[0].passing + largest[1].passing)


def test_a_dry_run_says_evaluations_time_and_disk_by_parts_and_writes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "none"
    run = sfddm_bench(*WORDS, "--out", str(out), "--dry-run")
    assert run.returncode == 0
    assert not out.exists()
    rows = [line.split() for line in run.stdout.splitlines()]
    names = [row[0] for row in rows]
    found = dict(zip(names, rows, strict=True))
    assert names[names.index("to") :] == ["to", "teacher", "folds", "sampling", "evaluation", "cells", "all", names[-1]]
    assert found["teacher"][1] == f"{3 * 4 * 32}"
    assert int(found["all"][1].replace(",", "")) == sum(work.evaluations for work in ddim().values())
    assert re.search(r" +\d+ s +[\d.]+ [kM]B\n", run.stdout)
    assert run.stdout.endswith("GB free\n")


def ddim() -> dict[str, Work]:
    """Return the work of the words above."""
    config = SWEEP.context.config
    return whole_work(make_sweep(config, SWEEP.context.images, [("ddim", 1)], (0,)))


def test_a_run_says_what_is_ahead_and_keeps_what_it_tried(server: Server, tmp_path: Path) -> None:
    code, said = server.run(*WORDS, "--out", str(tmp_path))
    assert code == 0
    assert re.search(r"to do: 2 cells, \d+ stages; network evaluations: 384 of training, [\d,]+ of sampling\n", said)
    assert re.search(r"MB to write; [\d.]+ [kM]B more while it works; the disk of '.*' has [\d.]+ GB free\n", said)
    assert re.search(r"about \d+ s left for 2 cells, from a short trial on this device", said)
    (kept,) = read(tmp_path)
    assert {one.kind for one in kept} == {"training", "sampling", "features", "classifier", "pairs"}
    assert all(one.seconds > 0 for one in kept)
    code, said = server.run(*WORDS, "--out", str(tmp_path))
    assert (code, "to do" in said) == (0, False)


def read(root: Path) -> Iterator[tuple]:
    from bench.run.speeds import read_kept

    for machine in read_kept(root / SPEEDS).machines.values():
        yield machine.measured


def test_a_kind_of_stage_that_nobody_counts_is_counted_as_nothing_and_named(tmp_path: Path) -> None:
    cell = SWEEP.cells[-1]
    other = replace(cell.stages[0], kind="another")
    cells = (*SWEEP.cells[:-1], replace(cell, stages=(*cell.stages, other)))
    of = replace(SWEEP, cells=cells)
    work = whole_work(of)
    speeds = Speeds(tmp_path, {})
    for one in work.values():
        if one.calls.kind != "another":
            speeds.add(one.calls, 1.0, one.amount)
    outlook = Outlook(of, RunFolder(tmp_path), work, speeds)
    assert outlook.seconds_of(other.key) == 0.0
    said = "not counted, for nothing is known of it before one is done: the time of another"
    assert list(lines(of, outlook, 1))[-1] == list(table(of, outlook, 1))[-1] == said
    assert str(outlook).startswith("more than ")


class Slow:
    """Calls of a machine that takes a minute for each image, and the clock that they move."""

    now, calls = 0.0, 0

    def clock(self) -> float:
        return self.now

    def ready(self, device: str) -> Call:
        def call(images: int) -> None:
            self.now += 60 * images
            self.calls += 1

        return call


def test_on_a_slow_machine_one_of_the_same_network_is_tried(tmp_path: Path) -> None:
    slow, speeds = Slow(), Speeds(tmp_path, {})
    trial = Trial(64, slow.ready)
    kinds = [Calls("training", "network", how) for how in ("3 evaluations", "4 evaluations", "19 evaluations")]
    work = {
        how.how: Work("folds", how, 1e6, 0, evaluations=10**6 - place, trial=trial, per_image=3)
        for place, how in enumerate(kinds)
    }
    try_out(work, speeds, "cpu", 2.0, 1, slow.clock, slow.clock)
    assert slow.calls == 2
    assert [speeds.seconds(calls) for calls in kinds] == [20.0] * 3
    assert [speeds.knows(calls) for calls in kinds] == [True, False, False]


def test_what_cannot_be_tried_is_unknown_and_ends_nothing(tmp_path: Path) -> None:
    def ready(device: str) -> Call:
        raise LookupError("another package's")

    speeds, calls = Speeds(tmp_path, {}), Calls("features", "theirs")
    try_out({"key": Work("evaluation", calls, 10.0, 0, trial=Trial(1, ready))}, speeds, "cpu", 2.0)
    assert speeds.seconds(calls) is None
