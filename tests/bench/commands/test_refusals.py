"""Refusals of what needs no torch to be seen: one line, exit code 2, and torch is not imported."""

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.command_line import ENVIRONMENT

PROBE = """
import sys
import bench.cli
sys.argv = ["sfddm-bench", *sys.argv[1:]]
try:
    bench.cli.main()
finally:
    print("torch" in sys.modules)
"""
WRONG = {
    "dataset": (["run", "--dataset", "mnist"], "--dataset: 'mnist' given"),
    "method": (["run", "--methods", "sfddm,dddim"], "--methods: 'dddim' given"),
    "a variant's setting": (["run", "--methods", "sfddm[inti=teacher]"], "the nearest valid name is 'init'"),
    "metric": (["run", "--metrics", "fid"], "--metrics: 'fid' given, possible: quality"),
    "scale": (["run", "--scale", "huge"], "--scale: 'huge' given, possible: smoke, quick, paper"),
    "resolution": (
        ["run", "--dataset", "cifar10", "--resolution", "64"],
        "--resolution: 64 given, cifar10 has: 16, 32",
    ),
    "setting": (["run", "--set", "teacher.iteration=5"], "the nearest valid name is 'teacher.iterations'"),
    "steps": (["run", "--steps", "2000"], "--steps: 2000 given, 1 to 1024 possible (the teacher has T = 1024)"),
    "steps of --set": (["run", "--steps", "8", "--set", "teacher.timesteps=4"], "1 to 4 possible"),
    "budget": (["run", "--budget", "0"], "--budgets: '0' given"),
    "budgets": (["run", "--budgets", "120k,1.5"], "--budgets: '1.5' given"),
    "a budget's unit": (["run", "--budgets", "2m"], "such as 120k,500k,2M"),
    "jobs": (["run", "--jobs", "many"], "--jobs: 'many' given"),
    "folder": (["run", "--out", "/dev/null/runs"], "--out: '/dev/null/runs' given"),
    "experiment": (["reproduce", "qualty"], "NAME: 'qualty' given, possible: any-steps"),
    "experiment's dataset": (["reproduce", "quality", "--dataset", "mnist"], "--dataset: 'mnist' given"),
    "experiment's scale": (["reproduce", "quality", "--dataset", "digits", "--scale", "huge"], "--scale: 'huge'"),
    "experiments as they are not": (["reproduce", "--list", "--scale", "smoke"], "--scale: 'smoke' given with --list"),
    "where nothing is written": (
        ["claims", "--why", "1", "--out", "x"],
        "--out: 'x' given with --why, which only prints",
    ),
    "no such student": (["sample", "nosuch", "--to", "x.png"], "nosuch: no such file or folder"),
    "no such run of a student": (["sample", "none:sfddm:4", "--to", "x.png"], "none: no records of images"),
    "no such student to compare": (["compare", "nosuch", "--to", "x.png"], "nosuch: no such file or folder"),
    "no such run to export": (
        ["export", "none", "--method", "ddim", "--steps", "4", "--to", "x.safetensors"],
        "none: ",
    ),
    "a folder for a teacher": (["teacher", "export", "--to", "."], "--to: '.' given, which is a folder"),
    "no such run folder": (["status", "none"], "PATH: 'none' given"),
}


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_word_that_is_none_is_refused_without_torch(words: list[str], said: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROBE, *words],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        cwd=tmp_path,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "False\n", 1), run.stderr
    assert said in run.stderr
    assert list(tmp_path.iterdir()) == []
