"""`sfddm-bench speed` as a user meets it."""

import json
import os
from pathlib import Path

import pytest
from helpers.command_line import ROOT, sfddm_bench

from bench.speed.names import AGAIN, COMPILED, DIFFUSERS, LUCIDRAINS, OURS

pytestmark = pytest.mark.slow

SMALL = "--dataset digits --batch 1 --seconds 0.01 --set network.dim=8 --set teacher.timesteps=8".split()


def test_the_command_writes_a_table_and_every_rounds_seconds(tmp_path: Path) -> None:
    history = ["--history", str(ROOT / "results" / "speed")]
    run = sfddm_bench("speed", "--parts", "sampling", *SMALL, "--out", str(tmp_path), *history)
    assert run.returncode == 0, run.stderr
    assert "\nnot comparable" in run.stdout  # what is committed has another network
    assert "sampling, 1 step" in run.stdout
    assert "Traceback" not in run.stderr
    assert "Warning" not in run.stderr
    written = json.loads((tmp_path / "speed.json").read_text())
    (result,) = written["results"]  # 10 and 100 steps are more than the 8 timesteps
    assert {row["name"] for row in result["rows"]} | result["skipped"].keys() == {
        OURS,
        AGAIN,
        COMPILED,
        LUCIDRAINS,
        DIFFUSERS,
    }
    assert all(len(row["seconds"]) >= 3 for row in result["rows"])
    assert written["machine"]["threads"] == 1
    assert (tmp_path / "speed.md").read_text().count("\n| ") == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--parts", "trainin"], "training, sampling, distance"),
        (["--batch", "0"], "from 1 up"),
        (["--seconds", "0"], "above 0"),
        (["--threads", "1,0"], f"from 1 to {os.cpu_count()}"),
        (["--dataset", "mnist"], "cifar10"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words: list[str], said: str, tmp_path: Path) -> None:
    run = sfddm_bench("speed", *words, "--out", str(tmp_path / "out"))
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert said in run.stderr
    assert not (tmp_path / "out").exists()
