"""Refusals of what needs no torch to be seen: one line, exit code 2, and torch is not imported."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.command_line import ENVIRONMENT

from bench.cli import app
from bench.config.devices import may_have_gpu

# Forks for each command line that it is given, a JSON list a line with the folder first, and says when it has ended:
# what all commands import is imported once, and torch is none of it.
FORKING = """
import json, os, sys
import bench.cli, bench.run.request
for line in sys.stdin:
    folder, *words = json.loads(line)
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        for stream, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(f"../{name}", os.O_WRONLY | os.O_CREAT), stream)
        sys.argv = ["sfddm-bench", *words]
        try:
            bench.cli.main()
        except SystemExit as left:
            print("torch" in sys.modules, flush=True)
            os._exit(left.code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
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
    "a setting's value": (["run", "--set", "teacher.iterations=-1"], "--set: teacher.iterations = -1 given"),
    "a method's value": (["run", "--set", "sfddm.init=warm"], "--set: sfddm.init = 'warm' given"),
    "a variant's value": (["run", "--methods", "sfddm[init=warm]"], "--methods: sfddm.init = 'warm' given"),
    "values that do not fit": (["run", "--set", "network.dim_mults=[1,2,4,8,16]"], "a multiple of 16 is needed"),
    "no steps": (["run", "--steps", "0"], "--steps: '0' given, whole numbers from 1 up"),
    "images": (["run", "--images", "1"], "--set: evaluation.images = 1 given"),
    "no device": (["run", "--device", "gpu"], "--device: 'gpu' given, possible: auto, cpu, cuda"),
    "executor": (["run", "--executor", "slurm"], "--executor: 'slurm' given"),
    "an address without Ray": (["run", "--address", "auto"], "--address: 'auto' given, but it is of --executor ray"),
    "logger": (["run", "--log", "wandb"], "--log: 'wandb' given"),
    "feature space": (["run", "--features", "vgg"], "--features: 'vgg' given, possible: inception"),
    "feature space of --set": (
        ["run", "--set", "evaluation.feature_space=vgg"],
        "evaluation.feature_space = 'vgg' given, possible: inception",
    ),
    "data that is not prepared": (["run", "--dataset", "cifar10"], "sfddm-bench datasets prepare cifar10"),
    "no such teacher": (["run", "--set", "teacher.weights=none.safetensors"], "teacher.weights = 'none.safetensors'"),
    "no such Inception weights": (["run", "--inception-weights", "none.pt"], "--inception-weights: 'none.pt' given"),
    "Inception weights for nothing": (
        ["run", "--inception-weights", sys.executable],
        "given, but digits-cnn takes no such file",
    ),
    "no such extractor's weights": (
        ["run", "--features", "clip", "--extractor-weights", "none.pt"],
        "--extractor-weights: 'none.pt' given",
    ),
    "an experiment's device": (["reproduce", "quality", "--device", "gpu"], "--device: 'gpu' given"),
    "options of a run with a list": (["reproduce", "--list", "--jobs", "2"], "--jobs: '2' given with --list"),
    "a list that computes nothing": (["reproduce", "--list", "--dry-run"], "--dry-run: given with --list"),
    "no experiment": (["reproduce"], "NAME: one experiment's name, or --list, is needed"),
    "a folder to compare networks": (["doctor", "runs", "--inception"], "PATH: 'runs' given with --inception"),
    "data to compare networks": (
        ["doctor", "--inception", "--data-root", "d"],
        "--data-root: 'd' given with --inception",
    ),
    "nothing to compare": (["doctor", "--inception", "--inception-weights", "no.pt"], "'no.pt' given, but there is no"),
    "a device of mere reading": (
        ["verify", "--device", "cpu"],
        "--device: 'cpu' given without --recompute or --resample",
    ),
    "weights of mere reading": (
        ["verify", "--inception-weights", "w.pt"],
        "--inception-weights: 'w.pt' given without --recompute or --resample",
    ),
    "what is not computed again": (["verify", "--recompute", "images"], "'images' is not"),
    "samples again": (["verify", "--resample", "0"], "--resample: 0 given"),
    "a folder for calibration": (
        ["claims", ".", "--calibration", "--out", "x"],
        "PATH: '.' given with --calibration, which reads no records, and --out",
    ),
    "claim": (["claims", "--why", "9"], "--why: 9 given, possible: 1"),
    "a list's dataset": (["methods", "--dataset", "cifar10"], "--dataset: 'cifar10' given without NAME"),
    "method of a list": (["methods", "pdd"], "did you mean 'pd'?"),
    "metric of a list": (["metrics", "qualty"], "did you mean 'quality'?"),
    "section": (["settings", "techer"], "did you mean 'teacher'?"),
    "a dataset's name": (["datasets", "info", "mnist"], "'mnist' given"),
    "data of no name": (["datasets", "prepare", "mnist", "--from", "x"], "'mnist' given"),
    "no such data": (["datasets", "prepare", "cifar10", "--from", "none.tar.gz"], "none.tar.gz"),
    "images at most": (["datasets", "prepare", "cifar10", "--from", "x", "--limit", "some"], "--limit: 'some' given"),
    "a device to sample on": (["sample", "x", "--to", "x.png", "--device", "gpu"], "--device: 'gpu' given"),
    "nothing to sample": (["sample", "x", "-n", "0", "--to", "x.png"], "--count: 0 given"),
    "a device to compare on": (["compare", "x", "--to", "x.png", "--device", "gpu"], "--device: 'gpu' given"),
    "too many to compare": (["compare", "x", "--to", "x.png", "--latents", "65"], "--latents: 65 given"),
    "format": (
        ["export", "x", "--method", "sfddm", "--steps", "4", "--to", "x", "--format", "onnx"],
        "--format: 'onnx' given",
    ),
    "a teacher's format": (
        ["teacher", "import", "x", "--format", "onnx", "--dataset", "digits"],
        "--format: 'onnx' given, possible: lucidrains, diffusers",
    ),
    "a teacher's dataset": (
        ["teacher", "import", "x", "--format", "diffusers", "--dataset", "mnist"],
        "--dataset: 'mnist' given",
    ),
    "no teacher": (
        ["teacher", "import", "none.pth", "--format", "lucidrains", "--dataset", "digits"],
        "SOURCE: 'none.pth' given",
    ),
    "a teacher's scale": (
        ["teacher", "export", "x", "--to", "t.safetensors", "--scale", "big"],
        "--scale: 'big' given",
    ),
    "no run of a teacher": (["teacher", "export", "x", "--to", "t.safetensors"], "RUN: 'x' given"),
    "part of the speed": (["speed", "--parts", "loading"], "--parts: 'loading' given"),
    "speed's dataset": (["speed", "--dataset", "mnist"], "--dataset: 'mnist' given"),
    "speed's setting": (["speed", "--set", "network.din=8"], "the nearest valid name is 'network.dim'"),
    "speed's device": (["speed", "--device", "gpu"], "--device: 'gpu' given"),
    "nothing to remeasure": (["remeasure", "none"], "PATH: 'none' given"),
    "a device to remeasure": (["remeasure", ".", "--device", "gpu"], "--device: 'gpu' given"),
    "no folder of tables": (["tables", "none"], "PATH: 'none' given"),
    "tables of no steps": (["tables", "--steps", "0"], "--steps: '0' given"),
    "no folder of plots": (["plots", "none"], "PATH: 'none' given"),
    "no folder of a report": (["report", "none"], "PATH: 'none' given"),
    "no folder of a site": (["site", "none"], "PATH: 'none' given"),
    "no folder of a checklist": (["checklist", "none"], "PATH: 'none' given"),
    "nothing to merge": (["merge", "none", "--out", "x"], "PATH: 'none' given"),
    "nothing to archive": (["archive", "none"], "PATH: 'none' given"),
    "nothing to clean": (["clean", "none"], "PATH: 'none' given"),
    "no such option": (["run", "--step", "4"], "No such option: --step"),
    "no such command": (["runn"], "No such command 'runn'"),
}


Command = Callable[[list[str]], tuple[int, str, str]]


@pytest.fixture(scope="module")
def forking() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", FORKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def command(forking: subprocess.Popen[str], tmp_path: Path) -> Command:
    """A command line in an empty folder: its exit code, what it printed, ending with whether it imported torch, and
    what it complained of."""
    (tmp_path / "here").mkdir()

    def run(words: list[str]) -> tuple[int, str, str]:
        assert forking.stdin is not None
        assert forking.stdout is not None
        forking.stdin.write(json.dumps([str(tmp_path / "here"), *words]) + "\n")
        forking.stdin.flush()
        code = int(forking.stdout.readline())
        return code, (tmp_path / "stdout").read_text(), (tmp_path / "stderr").read_text()

    return run


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_word_that_is_none_is_refused_without_torch(
    words: list[str], said: str, command: Command, tmp_path: Path
) -> None:
    code, printed, complained = command(words)
    assert (code, printed, complained.count("\n")) == (2, "False\n", 1), complained
    assert said in complained
    assert list((tmp_path / "here").iterdir()) == []


def test_every_command_has_a_refusal_here() -> None:
    refused = {words[0] for words, _ in WRONG.values()}
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert refused >= commands | {group.name for group in app.registered_groups}


@pytest.mark.skipif(may_have_gpu(), reason="there may be a GPU here, of which only torch can tell")
@pytest.mark.parametrize(
    "words",
    [
        ["doctor"],
        ["doctor", ".", "--data-root", "."],
        ["datasets", "list"],
        ["datasets", "info", "cifar10"],
        ["clean", "."],
    ],
    ids=" ".join,
)
def test_looking_needs_no_torch(words: list[str], command: Command) -> None:
    code, printed, complained = command(words)
    assert (code, printed.splitlines()[-1]) == (0, "False"), complained
