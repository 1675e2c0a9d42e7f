"""The n-th write, sync or rename of a run fails, or is the last thing its process does; then the same command again.

As SQLite tests itself, for every n of a run as small as it gets: from a teacher to a table.
"""

import random
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from helpers.command_line import records
from helpers.forked_runs import Server

from bench.records.groups import groups
from bench.records.record import read_records
from bench.rendering import write_tables

WORDS = (
    "--scale smoke --steps 1 --methods sfddm --metrics quality --images 10 --set teacher.timesteps=8 "
    "--set teacher.iterations=2 --set teacher.batch=2 --set student.iterations=2 --set student.batch=2 "
    "--set classifier.epochs=1 --set classifier.batch=1400"
).split()
NUMBERS = ("quality", "nfe", "timesteps", "parents", "failure", "pictures")
OF_A_METHOD = ("teacher", "fold", "samples", "features", "metrics")
SPREAD, PARTS = 3, 4  # moments of each kind that are always tried; parts of all moments
ROUNDS = 8

# Counts the steps of the one writer, and lets the chosen one fail as a disk does, or end the process.
FAILING = """
import contextlib, errno, os, types
import sfddm.files as files

count, chosen, killed = 0, {number}, {killed}
steps = os.open({steps!r}, os.O_CREAT | os.O_WRONLY, 0o666)

def fails():
    global count
    count += 1
    os.pwrite(steps, b"%9d" % count, 0)
    if count == chosen and killed:
        os._exit(9)
    return count == chosen

@contextlib.contextmanager
def begun(temporary, real=files._begun):
    with real(temporary) as file:
        if not fails():
            yield file
            return
        with open("/dev/full", "wb", buffering=0) as full:
            yield full

def faulty(call):
    def called(*given):
        if fails():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return call(*given)
    return called

files._begun = begun
files.os = types.SimpleNamespace(**vars(os) | dict(fsync=faulty(os.fsync), replace=faulty(os.replace)))
"""


def failing(folder: Path, number: int = 0, killed: bool = False) -> str:
    """Return what makes a process fail at a step; 0: at none."""
    code = FAILING.format(number=number, killed=killed, steps=str(folder / "steps"))
    return f"exec({code!r}, {{}})"


def numbers(out: Path) -> dict[str, dict]:
    """Return what of the records no clock decides."""
    return {name: {number: record[number] for number in NUMBERS} for name, record in records(out).items()}


def differing_tables(out: Path) -> list[str]:
    """Return the names of the tables that are not what the records give, byte by byte."""
    with TemporaryDirectory() as scratch:
        given = write_tables(groups(read_records(out)), Path(scratch))
        assert given
        return [path.name for path in given if (out / "tables" / path.name).read_bytes() != path.read_bytes()]


@dataclass(frozen=True)
class Alone:
    """A run left alone: its folder, the steps of the one writer in it, and what of it was done before they began."""

    out: Path
    steps: int
    begun: Path


@pytest.fixture(scope="module")
def alone(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """A run left alone, with the stages that no method decides done before: they write as the others do."""
    folder = tmp_path_factory.mktemp("alone")
    code, said = server.run("run", "--out", str(folder / "runs"), *WORDS)
    assert code == 0, said
    begun = Path(shutil.copytree(folder / "runs" / "stages", folder / "begun" / "stages")).parent
    for kind in OF_A_METHOD:
        (stage,) = begun.glob(f"stages/{kind}-*")
        shutil.rmtree(stage)
    shutil.copytree(begun, folder / "again")
    code, said = server.run("run", "--out", str(folder / "again"), *WORDS, setup=failing(folder))
    assert code == 0, said
    return Alone(folder / "runs", int((folder / "steps").read_text()), begun)


def names(out: Path) -> set[str]:
    """Return the names of all files, under their folders; of tables, those that stand for the whole set."""
    found = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    # A failed cell may have stood in a table of its own, which stays.
    return {name for name in found if not re.match(r"tables/digits-8-smoke-(?!summary)", name)}


def check(moment: int, killed: bool, server: Server, alone: Alone, folder: Path) -> None:
    """Let a run fail at a step, and check what it says, and what the same command makes of what it left."""
    out = Path(shutil.copytree(alone.begun, folder / "runs"))
    code, said = server.run("run", "--out", str(out), *WORDS, setup=failing(folder, moment, killed))
    assert "Traceback" not in said
    assert code in ([9] if killed else [0, 1, 2]), f"step {moment}: {said}"  # 2: --out cannot be written
    if code == 0:  # a run does without these two; speeds are written more than once
        assert names(alone.out) - names(out) <= {"report.html", "speeds.json"}, f"step {moment}: {said}"
    code, said = server.run("run", "--out", str(out), *WORDS)
    assert code == 0, f"after step {moment}: {said}"
    assert numbers(out) == numbers(alone.out), f"after step {moment}"
    assert differing_tables(out) == [], f"after step {moment}"
    assert names(out) == names(alone.out), f"after step {moment}"
    shutil.rmtree(out)


@pytest.mark.slow
@pytest.mark.parametrize("killed", [False, True], ids=["fails", "kills"])
def test_some_writes_that_fail_or_kill_leave_nothing_but_work_that_is_resumed(
    killed: bool, server: Server, alone: Alone, tmp_path: Path
) -> None:
    assert alone.steps > 80
    for moment in random.Random(killed).sample(range(1, alone.steps + 1), SPREAD):
        check(moment, killed, server, alone, tmp_path)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("part", range(PARTS))
def test_every_write_that_fails_or_kills_leaves_nothing_but_work_that_is_resumed(
    part: int, server: Server, alone: Alone, tmp_path: Path
) -> None:
    """Half of the moments fail and half kill: each takes a second, and both are tried all over the run."""
    for moment in range(1 + part, alone.steps + 1, PARTS):
        check(moment, moment // PARTS % 2 == 0, server, alone, tmp_path)


@pytest.mark.slow
def test_three_processes_that_record_the_same_stages_make_the_records_of_one(
    server: Server, alone: Alone, tmp_path: Path
) -> None:
    for number in range(ROUNDS):
        out = tmp_path / str(number)
        shutil.copytree(alone.out / "stages", out / "stages")
        all_three = [server.start("run", "--out", str(out), *WORDS) for _ in range(3)]
        said = [(process.wait(), process.said) for process in all_three]
        assert [code for code, _ in said] == [0, 0, 0], said
        assert numbers(out) == numbers(alone.out)
        assert names(out) == names(alone.out) - {"speeds.json"}  # nothing was left to try
