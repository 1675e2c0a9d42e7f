"""A sweep by two processes that torchrun starts, against the same sweep in one process."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from helpers.blank_figures import BLANK
from helpers.command_line import end, records, sfddm_bench, start

pytestmark = pytest.mark.slow

TRAJECTORY = 1e-5  # of the teacher's mean losses, over 150 iterations in float32

# Small shards, so that both processes have some, each noted with its process; a checkpoint at every report; blank
# figures.
COMMAND = f"""
import os, bench.stages.sampling as sampling, bench.cli, bench.stages.training, sfddm.units
{BLANK}
bench.stages.training.ResumableTraining.is_due = lambda self: True
sfddm.units.LARGEST_UNIT, sampling.sample_in_shards.__defaults__ = 8, ("samples.npy", 1)
rank, write = os.environ.get("RANK", "0"), sampling.write_shard
def noted(path, *given):
    if os.environ.get("BREAKS") == rank:
        raise RuntimeError("broken on purpose")
    write(path, *given)
    with path.with_name("writers.txt").open("a") as file:
        file.write(rank + "\\n")
sampling.write_shard = noted
bench.cli.main()
"""
DIVERGES = "sfddm[iterations=10,learning_rate=1e30]"
WORDS = (
    f"run --scale smoke --steps 2 --methods {DIVERGES},ddim,sfddm --images 44 --metrics quality "
    "--set teacher.timesteps=8 --set teacher.iterations=150 --set teacher.batch=5 --set student.iterations=10 "
    "--set student.batch=4 --set classifier.epochs=1 --set classifier.batch=1400"
).split()


def begin(processes: int, *words: str, breaks: str = "") -> subprocess.Popen[str]:
    """Start the command line in so many processes; the writing of a shard fails in the one that breaks."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "--no-python"]
    before = [*torchrun, sys.executable] if processes > 1 else []
    return start([sys.executable, *before, "-c", COMMAND, *words], BREAKS=breaks)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sweep in one process."""
    out = tmp_path_factory.mktemp("alone")
    code, said = end(begin(1, *WORDS, "--out", str(out)))
    assert code == 1, said
    return out


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the sweep in two processes, and what they said."""
    out = tmp_path_factory.mktemp("pair")
    code, said = end(begin(2, *WORDS, "--out", str(out)))
    assert code == 1, said
    return out, said


def losses(out: Path, kind: str) -> list[list[float]]:
    """Return (iteration, mean loss) of the finished trainings of a kind."""
    return [loss for path in out.glob(f"stages/{kind}-*/cost.json") for loss in json.loads(path.read_text())["loss"]]


def test_two_processes_train_the_teacher_along_the_losses_of_one(alone: Path, pair: tuple[Path, str]) -> None:
    one, two = losses(alone, "teacher"), losses(pair[0], "teacher")
    assert [iteration for iteration, _ in one] == [50, 100, 150]
    torch.testing.assert_close(two, one, rtol=TRAJECTORY, atol=0)
    assert len(losses(pair[0], "fold")) == 1  # the other fold diverges


def test_two_processes_leave_the_records_of_one_and_say_how_many_they_were(alone: Path, pair: tuple[Path, str]) -> None:
    out, said = pair
    one, two = records(alone), records(out)
    assert two.keys() == one.keys()
    assert len(two) == 4
    assert {record["machine"].get("processes") for record in one.values()} == {None}
    assert {record["machine"]["processes"] for record in two.values()} == {2}
    for name, record in two.items():
        assert list(record["parents"].values()) == list(one[name]["parents"].values())
        if record["failure"] is None:
            assert record["nfe"] == one[name]["nfe"]
    assert said.count("teacher: 150 iterations in") == 1  # the first process speaks for all


def test_a_training_that_diverges_fails_alone_in_both_and_the_sweep_goes_on(pair: tuple[Path, str]) -> None:
    out, said = pair
    failures = {record["method"]: record["failure"] for record in records(out).values()}
    assert failures.pop(DIVERGES).startswith("sfddm to 2 steps (seed 0): the loss is nan")
    assert set(failures.values()) == {None}
    assert "1 of 4 cells failed" in said


def test_two_processes_sample_the_images_of_one_bit_for_bit_each_its_shards(alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(alone, out, ignore=shutil.ignore_patterns("samples-*", "records"))
    code, said = end(begin(2, *WORDS, "--out", str(out)))
    assert code == 1, said
    images = sorted(out.glob("stages/samples-*/samples.npy"))
    assert len(images) == 2
    for path in images:
        assert path.read_bytes() == (alone / path.relative_to(out)).read_bytes()
        assert sorted(path.with_name("writers.txt").read_text().split()) == ["0", "0", "0", "1", "1", "1"]
    for path in alone.glob("stages/teacher-*/model.safetensors"):
        assert path.read_bytes() == (out / path.relative_to(alone)).read_bytes()


def test_at_an_interruption_all_leave_at_one_iteration_and_any_number_goes_on_from_there(tmp_path: Path) -> None:
    long = [*WORDS, "--set", "teacher.iterations=100000"]
    process = begin(2, *long, "--out", str(tmp_path))
    ends = time.monotonic() + 120
    while not list(tmp_path.glob("stages/teacher-*/resume-*.pt")):
        assert time.monotonic() < ends
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    code, said = end(process)
    assert code != 0
    assert said.count("interrupted: saving") == 1
    assert "sfddm-bench: interrupted; what is done is kept" in said
    state = max(tmp_path.glob("stages/teacher-*/resume-*.pt"))
    iteration = int(state.name.split("-")[1])
    assert not list(tmp_path.glob("stages/*/lock"))
    log = state.with_name("log.txt")
    other = begin(1, *long, "--out", str(tmp_path))
    while f"resumes from iteration {iteration}" not in log.read_text():
        assert time.monotonic() < ends + 60
        time.sleep(0.05)
    other.send_signal(signal.SIGINT)
    assert end(other)[0] == 130


@pytest.mark.parametrize("rank", ["0", "1"])
def test_where_one_process_fails_the_run_ends_and_does_not_hang(rank: str, alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(alone, out, ignore=shutil.ignore_patterns("samples-*", "records"))
    code, said = end(begin(2, *WORDS, "--out", str(out), breaks=rank))
    assert code == 1, said
    assert "RuntimeError: broken on purpose" in said
    assert not list(out.glob("stages/samples-*/done.json"))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["--executor", "ray"],
            "--executor: 'ray' given under torchrun, possible: local; "
            "Ray starts its processes itself, so leave torchrun out",
        ),
        (
            ["--device", "cuda:1"],
            "--device: 'cuda:1' given, possible under torchrun: auto, cpu, cuda (a GPU for each process)",
        ),
    ],
)
def test_what_torchrun_cannot_share_is_refused(words: list[str], line: str) -> None:
    run = sfddm_bench("run", *words, WORLD_SIZE="2")
    assert (run.returncode, run.stderr) == (2, f"sfddm-bench: {line}\n")
