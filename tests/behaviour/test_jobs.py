"""Sweeps by worker processes of this machine, against the same in one process: left alone, interrupted, killed.

All have one thread, as the processes of the tests do: records are then equal to the bit.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.command_line import WITHOUT_DRAWING, end, records, start, without_clocks

pytestmark = pytest.mark.slow

DIVERGES = "sfddm[iterations=10,learning_rate=1e30]"
WORDS = (
    f"run --scale smoke --steps 2 --seeds 0,1 --methods ddim,sfddm,{DIVERGES} --images 20 --set teacher.timesteps=8 "
    "--set teacher.iterations=40 --set teacher.batch=4 --set student.iterations=10 --set student.batch=4 "
    "--set classifier.epochs=1 --set classifier.batch=1400"
).split()
LONG = ["--set", "teacher.iterations=1000000"]
OWN = ("command", "integrity", "machine")  # the words of the command, the hash of the record, and the jobs
SIDE_BY_SIDE = {"jobs": 2, "job_threads": 1}


def begin(out: Path, jobs: int, *words: str, **environment: str) -> subprocess.Popen[str]:
    """Start the command line."""
    command = [sys.executable, "-c", WITHOUT_DRAWING, *WORDS, *words, "--out", str(out), "--jobs", str(jobs)]
    return start(command, **environment)


def numbers(out: Path) -> dict[str, dict]:
    """Return the records without what a clock says, and without the jobs of their machine."""
    found = {name: without_clocks(record, *OWN) for name, record in records(out).items()}
    assert len(found) == 8
    return found


def artefacts(out: Path) -> dict[str, bytes]:
    """Return what decides every number: the models, samples and features of a run."""
    paths = [path for ending in ("safetensors", "npy") for path in out.glob(f"stages/*/*.{ending}")]
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


def workers(of: int) -> list[int]:
    """Return the numbers of the worker processes that a process has started."""
    children = Path(f"/proc/{of}/task/{of}/children").read_text().split()
    return [int(one) for one in children if "spawn_main" in Path(f"/proc/{one}/cmdline").read_text()]


def holder(lock: Path, of: int) -> int | None:
    """Return the worker of a process that has a lock's file open."""
    for number in workers(of):
        files = Path(f"/proc/{number}/fd")
        if any(os.path.realpath(file) == str(lock.resolve()) for file in files.iterdir()):
            return number
    return None


def wait_until(so: Callable[[], object]) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + 120
    while not so():
        assert time.monotonic() < ends
        time.sleep(0.01)


def is_gone(number: int) -> bool:
    """Tell whether a process has ended."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def in_training(out: Path) -> list[Path]:
    """Return the locks of the teachers that are being trained."""
    return [log.with_name("lock") for log in out.glob("stages/teacher-*/log.txt") if log.with_name("lock").exists()]


def iterating(out: Path) -> set[str]:
    """Return the teachers that have iterated, of which there is something to save."""
    lines = (out / "events.jsonl").read_text().splitlines() if (out / "events.jsonl").exists() else []
    events = [json.loads(line) for line in lines if line.endswith("}")]
    return {one["stage"] for one in events if one["event"] == "progress" and one["stage"].startswith("teacher-")}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sweep in one process."""
    out = tmp_path_factory.mktemp("alone")
    code, said = end(begin(out, 1))
    assert code == 1, said
    return out


@pytest.fixture(scope="module")
def by_two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the sweep by two workers, and what was said."""
    out = tmp_path_factory.mktemp("two")
    code, said = end(begin(out, 2))
    assert code == 1, said
    return out, said


def test_the_records_are_those_of_one_process_bit_for_bit_and_say_how_they_were_made(
    by_two: tuple[Path, str], alone: Path
) -> None:
    out, said = by_two
    assert numbers(out) == numbers(alone)
    assert artefacts(out) == artefacts(alone)
    assert not list(out.glob("stages/*/lock"))
    assert "up to 2 stages side by side, 1 thread each" in said
    assert {re.sub(r" in [\d.]+ s$", "", line) for line in said.splitlines()} > {
        f"teacher (seed {seed}): 40 iterations" for seed in (0, 1)
    }
    assert "Traceback" not in said
    for log in out.glob("stages/*/log.txt"):
        assert log.read_text().count(" compute: not done before") == 1, log
    for name, record in records(out).items():
        machine = records(alone)[name]["machine"]
        jobs = {} if record["failure"] else SIDE_BY_SIDE
        assert record["machine"] == machine | jobs


def test_the_parts_of_the_run_add_up_to_its_wall_clock(by_two: tuple[Path, str]) -> None:
    timing = json.loads((by_two[0] / "timing.json").read_text())
    assert sum(timing["parts"].values()) == pytest.approx(timing["wall_seconds"], rel=0.02)
    assert timing["parts"]["stages side by side"] > 0
    assert [name for name in timing["parts"] if name.startswith("stage: ") and " cost of " not in name] == []


def test_records_are_written_while_others_are_still_worked_on(by_two: tuple[Path, str]) -> None:
    lines = by_two[1].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("ddim, 2 steps, seed 0: FD"))
    assert any(line.startswith("compute samples of") for line in lines[first:])


def test_a_stage_that_fails_is_tried_once_and_the_others_go_on(by_two: tuple[Path, str]) -> None:
    out, said = by_two
    found = [(record["method"], record["failure"]) for record in records(out).values()]
    assert sum(why is None for _, why in found) == 6
    failures = {why for method, why in found if method == DIVERGES}
    assert all(why.startswith("sfddm to 2 steps (seed") and "the loss is nan" in why for why in failures)
    assert all(said.count(f"failed: {why}") == 2 for why in failures)  # the stage, and the cell
    assert said.splitlines()[-1] == "sfddm-bench: 2 of 8 cells failed; the same command tries them again"


@pytest.mark.parametrize(
    ("number", "whole_group"),
    [(signal.SIGINT, True), (signal.SIGTERM, False)],  # as a terminal's Ctrl-C, and as `kill` of the command
    ids=["the whole group", "the driver"],
)
def test_an_interruption_saves_in_every_worker_and_leaves_no_process(
    number: signal.Signals, whole_group: bool, tmp_path: Path
) -> None:
    process = begin(tmp_path, 2, *LONG)
    wait_until(lambda: len(iterating(tmp_path)) == 2)
    started = workers(process.pid)
    for one in [*(started if whole_group else []), process.pid]:
        os.kill(one, number)
    code, said = end(process)
    assert code == 130, said
    assert said.splitlines()[-1].startswith("sfddm-bench: interrupted; what is done is kept")
    assert said.count("once more to stop at once") == 1
    assert "Traceback" not in said
    assert len(list(tmp_path.glob("stages/teacher-*/resume-*.pt"))) == 2
    assert not list(tmp_path.glob("stages/*/lock"))
    assert len(started) == 2
    assert all(map(is_gone, started))


def test_with_two_threads_each_stage_has_those_of_the_plan_however_often_the_run_is_interrupted(tmp_path: Path) -> None:
    two, one_seed = {"OMP_NUM_THREADS": "2"}, ["--seeds", "0"]
    whole, broken = begin(tmp_path / "whole", 2, *one_seed, **two), begin(tmp_path / "broken", 2, *one_seed, **two)
    wait_until(lambda: list(tmp_path.glob("broken/stages/teacher-*/done.json")))
    broken.send_signal(signal.SIGINT)
    assert end(broken)[0] == 130
    assert [end(process)[0] for process in (whole, begin(tmp_path / "broken", 2, *one_seed, **two))] == [1, 1]
    assert artefacts(tmp_path / "whole") == artefacts(tmp_path / "broken")
    for done in tmp_path.glob("*/stages/*/done.json"):
        marker, kind = json.loads(done.read_text()), done.parent.name.rpartition("-")[0]
        alone = kind in ("teacher", "cost")  # nothing can be done beside the only teacher, nor must beside a cost
        assert (marker["threads"], marker["jobs"]) == ((2, 1) if alone else (1, 2)), done


def test_a_second_interruption_ends_at_once(tmp_path: Path) -> None:
    process = begin(tmp_path, 2, *LONG)
    wait_until(lambda: len(in_training(tmp_path)) == 2)
    started = workers(process.pid)
    for one in started:
        os.kill(one, signal.SIGSTOP)  # as if their disk stood still: they cannot save
    process.send_signal(signal.SIGINT)
    time.sleep(1.0)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    code, said = end(process)
    assert code == 130, said
    assert "Traceback" not in said
    assert all(map(is_gone, started))


def test_a_worker_that_is_killed_once_changes_nothing(alone: Path, tmp_path: Path) -> None:
    process = begin(tmp_path, 2)
    wait_until(lambda: any(holder(lock, process.pid) for lock in in_training(tmp_path)))
    killed = next(filter(None, (holder(lock, process.pid) for lock in in_training(tmp_path))))
    os.kill(killed, signal.SIGKILL)
    code, said = end(process)
    assert code == 1, said
    assert said.count("its process was killed by SIGKILL (out of memory?); once more") == 1
    assert numbers(tmp_path) == numbers(alone)
    assert artefacts(tmp_path) == artefacts(alone)


def test_a_stage_whose_process_is_killed_twice_fails_in_one_line(tmp_path: Path) -> None:
    process = begin(tmp_path, 2, *LONG)
    wait_until(lambda: in_training(tmp_path))
    lock = in_training(tmp_path)[0]
    killed = set[int | None]()
    for _ in range(2):
        wait_until(lambda: holder(lock, process.pid) not in {None, *killed})
        number = holder(lock, process.pid)
        assert number is not None
        os.kill(number, signal.SIGKILL)
        killed.add(number)
    assert process.stderr is not None
    said = ""
    while "failed: teacher" not in said:
        said += process.stderr.readline()
    process.send_signal(signal.SIGINT)
    code, rest = end(process)
    assert code == 130, rest
    (line,) = [line for line in said.splitlines() if line.startswith("failed: teacher")]
    assert line.endswith("its process was killed by SIGKILL (out of memory?), 2 times; with less memory: --jobs 1")
    assert "Traceback" not in said + rest


def test_workers_whose_driver_is_killed_save_and_end(tmp_path: Path) -> None:
    process = begin(tmp_path, 2, *LONG)
    wait_until(lambda: len(in_training(tmp_path)) == 2)
    started = workers(process.pid)
    time.sleep(0.5)
    process.kill()
    process.wait()
    wait_until(lambda: all(map(is_gone, started)))
    assert len(list(tmp_path.glob("stages/teacher-*/resume-*.pt"))) == 2
    assert not list(tmp_path.glob("stages/*/lock"))


def test_two_runs_on_one_folder_do_each_stage_once(alone: Path, tmp_path: Path) -> None:
    processes = [begin(tmp_path, 2), begin(tmp_path, 2)]
    for process in processes:
        code, said = end(process)
        assert code == 1, said
        assert "Traceback" not in said
    assert numbers(tmp_path) == numbers(alone)
    assert artefacts(tmp_path) == artefacts(alone)
    for log in tmp_path.glob("stages/*/log.txt"):
        assert log.read_text().count(" done in ") <= 1, log


def test_a_finished_run_again_starts_no_worker(by_two: tuple[Path, str]) -> None:
    out, _ = by_two
    again = [word for word in WORDS if word != f"ddim,sfddm,{DIVERGES}"]
    again.insert(again.index("--methods") + 1, "ddim,sfddm")
    command = [sys.executable, "-c", WITHOUT_DRAWING, *again, "--out", str(out), "--jobs", "2"]
    code, said = end(start(command))
    assert code == 0, said
    assert "side by side" not in said
    assert "6 of 6 cells are done already" in said
