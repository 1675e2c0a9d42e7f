"""Runs that are killed, interrupted or run twice at a time, in real processes, against a run left alone."""

import random
import shutil
import signal
import time
from pathlib import Path

import pytest
from helpers.command_line import records
from helpers.forked_runs import Server

pytestmark = pytest.mark.slow

WORDS = (
    "--scale smoke --steps 2 --methods sfddm,pd,ddim --images 20 --set teacher.timesteps=8 "
    "--set teacher.iterations=40 --set teacher.batch=4 --set student.iterations=15 --set student.batch=4 "
    "--set sfddm.ema=0.9 --set classifier.epochs=1 --set classifier.batch=1400"
).split()
KILLS, KILLS_FROM_NOTHING = 20, 2
NUMBERS = ("quality", "nfe", "timesteps", "parents", "failure")
TRAINING = ("training_cost.folds", "training_cost.evaluations")


@pytest.fixture(scope="module")
def alone(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, float, Path]:
    """The numbers of a run left alone, how long it takes, and its folder."""
    out = tmp_path_factory.mktemp("alone")
    started = time.monotonic()
    code, said = server.run("run", "--out", str(out), *WORDS)
    assert code == 0, said
    return numbers(out), time.monotonic() - started, out


def numbers(out: Path) -> dict[str, dict]:
    found = records(out)
    assert len(found) == 4
    return {
        name: {number: record[number] for number in NUMBERS} | {number: record.get(number) for number in TRAINING}
        for name, record in found.items()
    }


def give_classifier(done: Path, out: Path) -> None:
    """Copy the classifier, half of the time and one piece, so that most kills hit what can resume from its middle."""
    (folder,) = done.glob("stages/classifier-*")
    if not (out / "stages" / folder.name / "done.json").exists():
        shutil.copytree(folder, out / "stages" / folder.name, dirs_exist_ok=True)


def check_every_stage_was_finished_once(out: Path) -> None:
    logs = list(out.glob("stages/*/log.txt"))
    assert len(logs) == len(list(out.glob("stages/*/done.json"))) > 12
    for log in logs:
        lines = [line.split(" ", 1)[1] for line in log.read_text().splitlines()]
        done = [number for number, line in enumerate(lines) if line.startswith("done")]
        assert len(done) <= 1, f"{log} was done twice"  # none: killed after done.json, before the line
        assert not done or done[0] == len(lines) - 1, f"{log} went on after it was done"
    assert not list(out.glob("stages/*/resume*"))
    assert not list(out.glob("stages/*/lock"))


def test_killed_at_20_random_moments_the_records_are_those_of_a_run_left_alone(
    server: Server, alone: tuple[dict, float, Path], tmp_path: Path
) -> None:
    expected, seconds, folder = alone
    moments = random.Random(7)
    killed = resumed = rounds = 0
    while killed < KILLS:
        rounds += 1
        out = tmp_path / str(rounds)
        while True:
            if killed >= KILLS_FROM_NOTHING:
                give_classifier(folder, out)
            process = server.start("run", "--out", str(out), *WORDS)
            if killed < KILLS:
                time.sleep(moments.uniform(0.02, seconds / 6))
                process.kill()
            code = process.wait()
            resumed += "resumes" in "".join(log.read_text() for log in out.glob("stages/*/log.txt"))
            if code == 0:
                break
            assert code == -signal.SIGKILL, process.said
            killed += 1
        assert numbers(out) == expected
        check_every_stage_was_finished_once(out)
    assert resumed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_saves_the_training_and_says_one_line(
    number: signal.Signals, server: Server, alone: tuple[dict, float, Path], tmp_path: Path
) -> None:
    never = "bench.stages.training.ResumableTraining.is_due = lambda self: print('it trains', file=sys.stderr)"
    process = server.start("run", "--out", str(tmp_path), *WORDS, setup=never)
    process.wait_until_it_says("it trains")
    time.sleep(0.2)
    process.kill(number)
    assert process.wait() == 130, process.said
    assert process.said.count("interrupted") == 2
    assert process.said.splitlines()[-1].startswith("sfddm-bench: interrupted; what is done is kept")
    assert "Traceback" not in process.said
    (saved,) = tmp_path.glob("stages/teacher-*/resume-*.pt")
    iteration = int(saved.name.split("-")[1])
    code, said = server.run("run", "--out", str(tmp_path), *WORDS)
    assert code == 0, said
    assert f"resume teacher (seed 0): from {saved.name}" in said
    assert f"resumes from iteration {iteration}" in next(tmp_path.glob("stages/teacher-*/log.txt")).read_text()
    assert numbers(tmp_path) == alone[0]
    check_every_stage_was_finished_once(tmp_path)


def test_two_processes_on_one_folder_make_the_records_of_one_and_each_stage_once(
    server: Server, alone: tuple[dict, float, Path], tmp_path: Path
) -> None:
    both = [server.start("run", "--out", str(tmp_path), *WORDS) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0], both[0].said + both[1].said
    assert numbers(tmp_path) == alone[0]
    check_every_stage_was_finished_once(tmp_path)
    for log in tmp_path.glob("stages/*/log.txt"):
        assert log.read_text().count(" compute: ") == 1
    assert any("waits for another process, which works on" in process.said for process in both)


def test_a_lock_of_a_killed_process_is_taken_over_at_once(server: Server, tmp_path: Path) -> None:
    words = ["run", "--out", str(tmp_path), *WORDS]
    process = server.start(*words)
    process.wait_until_it_says("compute teacher")
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert list(tmp_path.glob("stages/*/lock"))
    code, said = server.run(*words)
    assert code == 0
    assert "waits" not in said


def test_a_finished_run_again_computes_nothing_and_rewrites_no_record(
    server: Server, alone: tuple[dict, float, Path], tmp_path: Path
) -> None:
    words = ["run", "--out", str(tmp_path), *WORDS]
    assert server.run(*words)[0] == 0
    before = {path: path.stat().st_mtime_ns for path in [*tmp_path.glob("stages/*/*"), *tmp_path.glob("records/*/*-*")]}
    code, said = server.run(*words)
    assert code == 0
    assert "4 of 4 cells are done already" in said
    assert "compute" not in said
    after = {path: path.stat().st_mtime_ns for path in before}
    assert {path for path in before if before[path] != after[path]} <= set(tmp_path.glob("records/*/real-data.png"))
    assert len(after) > 60
