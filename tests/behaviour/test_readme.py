"""The README: each of its commands is run, in the README's order and one folder, and what it shows is in the results.

Whatever would take long is run at smoke scale, on small data in the real datasets' forms.
"""

import re
import shlex
import sys
from pathlib import Path

import pytest
from helpers.dataset_forms import image_folder, lsun_lmdb
from helpers.stand_in_inception import write_stand_in

from bench.cli import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = [block.splitlines() for block in re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)]
LINES = [line for block in BLOCKS for line in block if line.split("#")[0].strip()]
COMMAND = r"^(?:\w+=\w+ )?(?:torchrun .* )?sfddm-bench (.*)"  # tests/bench/test_followers.py has torchrun's processes
COMMANDS = [shlex.split(words, comments=True) for line in LINES for words in re.findall(COMMAND, line)]

STAND_IN = "stand-in.pt"  # for clean-fid's weights
SMALL = ["--scale", "smoke", "--seeds", "0", "--images", "16", "--metrics", "quality", "--set", "teacher.iterations=2",
         "--set", "student.iterations=2", "--set", "classifier.epochs=1", "--set", "teacher.timesteps=128"]  # fmt: skip
SHORTER = {
    "run": SMALL,
    "speed": [
        "--parts",
        "training",
        "--dataset",
        "digits",
        "--set",
        "network.dim=8",
        "--batch",
        "2",
        "--seconds",
        "0.01",
    ],
    "clean": ["--yes"],
    "verify": ["--inception-weights", STAND_IN],
}
EXPERIMENT = """
title = "Mine"
question = "Does it run?"
datasets = ["digits"]
seeds = [0]
metrics = ["quality"]
cells = [{ methods = ["sfddm", "ddim"], steps = [1] }]
"""


def shortened(words: list[str]) -> list[str]:
    """Return a command of the README with options behind it that make it short; an option's last value counts."""
    if words[0] == "reproduce" and "--list" not in words:  # the named experiments: nox -s reproduce
        return [*words, "--scale", "smoke", *(["--dry-run"] if not words[1].endswith(".toml") else [])]
    given = list(SHORTER.get(words[0], []))
    if "--executor" in words:  # there is no cluster here; tests/bench/test_ray_executor.py has its own
        place = words.index("--address") if "--address" in words else len(words)
        return [*words[:place], *words[place + 2 :], *given, "--dry-run"]
    if "smoke" in words:  # a run of other settings than those that are made small here
        given += ["--set", "teacher.iterations=3"]
    if words[0] == "run" and "paper" in words:
        given += ["--steps", "1", *(["--budget", "3000"] if "--budget" in words else [])]
    if words[0] == "run" and "lsun_church" in words:
        given += ["--steps", "1,2", "--inception-weights", STAND_IN]
    return [*words, *given]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with everything that the README's commands name, as the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SFDDM_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # of the processes that commands start
    lsun_lmdb(tmp_path / "church_outdoor_train_lmdb", 24)
    image_folder(tmp_path / "my_images", 20, 32)
    write_stand_in(tmp_path / STAND_IN)
    (tmp_path / "my_experiment.toml").write_text(EXPERIMENT)
    if (ROOT / "results").is_dir():
        (tmp_path / "results").symlink_to(ROOT / "results")
    return tmp_path


def test_every_command_runs(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(COMMANDS) > 15
    for words in COMMANDS:
        monkeypatch.setattr(sys, "argv", ["sfddm-bench", *shortened(words)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr().err.strip().rpartition("\n")[2]
        assert left.value.code == 0, f"sfddm-bench {shlex.join(shortened(words))}: {said}"
    assert sorted(path.name for path in (place / "paper" / "tables").glob("*.md"))


def test_every_nox_session_named_exists() -> None:
    sessions = re.findall(r"^@nox\.session\ndef (\w+)", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    named = set(re.findall(r"nox -s (\w+)", README))
    assert {"demo", "tests", "reproduce"} <= named <= set(sessions)


def test_every_file_linked_is_there() -> None:
    linked = [target for target in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in target]
    linked += re.findall(r"(?:docs|bench|baselines|sfddm|results|tests)/[\w./-]*\w", README)
    assert [target for target in linked if not (ROOT / target).exists()] == []
