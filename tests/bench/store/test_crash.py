"""The last handler and stdout: never a traceback on the terminal, one line, and what it says is there."""

import re
import subprocess
from pathlib import Path

import pytest
from helpers.command_line import ENVIRONMENT, PROGRAM, sfddm_bench
from helpers.made_records import sweep, written

from bench import cli

FAULTY = """
import sys, bench.rendering
def read_groups(*_):
    {fault}
bench.rendering.read_groups = read_groups
sys.argv = ["sfddm-bench", "tables", {out!r}, "--out", {out!r}]
from bench.cli import main
main()
"""


FAULTS = ["raise AttributeError('odd\\nthing')", "sys.exit(0)", "1 / 0", "raise RecursionError"]


def faulty(fault: str, out: Path) -> subprocess.CompletedProcess[str]:
    command = [PROGRAM[0], "-c", FAULTY.format(fault=fault, out=str(out))]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)


@pytest.mark.parametrize("fault", FAULTS)
def test_an_unforeseen_error_is_one_line_that_names_a_file_with_the_traceback(fault: str, tmp_path: Path) -> None:
    run = faulty(fault, tmp_path)
    assert run.returncode == cli.EXIT_FAULT
    assert run.stderr.count("\n") == 1
    path = re.search(r"traceback is in '([^']+)'", run.stderr)
    assert path is not None
    assert Path(path[1]).parent == tmp_path
    assert "Traceback" in Path(path[1]).read_text()


def test_ctrl_c_says_that_the_command_resumes_only_if_it_does(tmp_path: Path) -> None:
    run = faulty("raise KeyboardInterrupt", tmp_path)
    assert (run.returncode, run.stderr) == (130, "sfddm-bench: interrupted\n")
    assert "resumes" in cli.interrupted(["run", "--steps", "1"])
    assert "resumes" in cli.interrupted(["datasets", "prepare", "folder"])
    assert all("resumes" not in cli.interrupted([command]) for command in ("speed", "tables", "verify", "doctor"))


def test_a_full_device_as_stdout_and_an_encoding_without_the_signs_are_no_traceback(tmp_path: Path) -> None:
    runs = written(sweep(("ddim",), (1,), (0, 1)), tmp_path)
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [*PROGRAM, "tables", str(runs)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
            check=False,
        )
    assert run.returncode == 1
    assert run.stderr == "sfddm-bench: stdout: cannot be written (No space left on device)\n"
    assert sfddm_bench("tables", str(runs), PYTHONIOENCODING="ascii").returncode == 0


@pytest.mark.parametrize(
    "words", [["run", "--methods", ""], ["run", "--out="], ["tables", ""], ["run", "--steps", " "]]
)
def test_an_empty_option_or_argument_is_refused(words: list[str]) -> None:
    run = sfddm_bench(*words)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "which is empty" in run.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", str(2**63)], "--seeds: "),
        (["--images", str(10**12)], "--images: 1000000000000 given, at most "),
        (["--steps", "9" * 30], "--steps: "),
        (["--budget", "9" * 30], "--budgets: "),
        (["--set", "teacher.learning_rate=inf"], "teacher.learning_rate"),
        (["--out", "/dev/null/runs"], "--out: "),
    ],
)
def test_a_dry_run_refuses_what_a_run_refuses(words: list[str], said: str, tmp_path: Path) -> None:
    run = sfddm_bench(
        "run", "--scale", "smoke", "--dry-run", *(["--out", str(tmp_path)] * ("--out" not in words)), *words
    )
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert said in run.stderr
