"""The README and the documents: each of their commands is run, and what they name exists.

Whatever would take long is made short: smoke scale, small data in the real datasets' forms, blank plots. Each document
has a folder of its own, in which its commands run in its order.
"""

import multiprocessing
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from diffusers import UNet2DModel
from helpers import blank_figures
from helpers.dataset_forms import image_folder, lsun_lmdb
from helpers.small_transformers import clip_tensors, write
from helpers.small_unet2d import OPTIONS
from helpers.stand_in_inception import write_stand_in

from bench.cli import main

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "results" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {str(path.relative_to(ROOT)): path.read_text() for path in DOCUMENTS}

COMMAND = r"^(?:\w+=\w+ )?(?:torchrun .* )?sfddm-bench (.*)"  # torchrun's processes: tests/behaviour/test_torchrun.py
STAND_IN = "stand-in.pt"  # for clean-fid's weights
CLIP = "ViT-L-14-336px.pt"  # a small one under the published name
STUDENTS = "docs/students.md"
SMALL = shlex.split(
    "--scale smoke --seeds 0 --images 16 --metrics quality --set teacher.iterations=2 --set student.iterations=2 "
    "--set pd.iterations=2 --set classifier.epochs=1 --set teacher.timesteps=128"
)
SHORTER = {
    "run": SMALL,
    "speed": shlex.split("--dataset digits --set network.dim=8 --set teacher.timesteps=8 --batch 2 --seconds 0.01"),
    "clean": ["--yes"],
}
EXPERIMENT = """
title = "Mine"
question = "Does it run?"
datasets = ["digits"]
seeds = [0]
metrics = ["quality"]
set = ["teacher.iterations=2", "student.iterations=2", "pd.iterations=2", "classifier.epochs=1"]
cells = [{ methods = ["sfddm", "ddim"], steps = [1] }]
"""


def blocks(text: str, language: str) -> list[str]:
    """Return a document's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """Return the words after `sfddm-bench` of every command in a document's shell blocks."""
    lines = [line for block in blocks(text, "sh") for line in block.splitlines()]
    return [shlex.split(words, comments=True) for line in lines for words in re.findall(COMMAND, line)]


COMMANDS = {name: found for name, text in TEXTS.items() if (found := commands(text))}


def shortened(words: list[str]) -> list[str]:
    """Return a command with options behind it that make it short; an option's last value counts."""
    if words[0] == "reproduce" and "--list" not in words:  # the named experiments: nox -s reproduce
        return [*words, "--scale", "smoke", *(["--dry-run"] if not words[1].endswith(".toml") else [])]
    if "--measured" in words:  # nothing is measured
        return words
    given = list(SHORTER.get(words[0], []))
    if "--metrics" in words and "--metrics" in given:
        at = given.index("--metrics")
        given = given[:at] + given[at + 2 :]
    if "--executor" in words:  # there is no cluster here; tests/behaviour/test_ray.py has its own
        place = words.index("--address") if "--address" in words else len(words)
        return [*words[:place], *words[place + 2 :], *given, "--dry-run"]
    if words[0] == "speed" and "--parts" not in words:  # all parts: the distance of 2048 features takes long
        given += ["--parts", "sampling"]
    if words[0] == "speed":  # each other package is a process for each number of threads, and imports for seconds
        given += ["--threads", "1"]
    if "smoke" in words:  # a run of other settings than those that are made small here
        given += ["--set", "teacher.iterations=3"]
    if words[0] == "run" and "paper" in words:
        given += ["--steps", "1", *(["--budget", "1600"] if "--budget" in words else [])]
    if "--budgets" in words:
        given += ["--budgets", "1200,2400", "--steps", "4"]
    if words[0] == "verify" and {"--recompute", "--resample"} & set(words):
        given += ["--inception-weights", STAND_IN, "--extractor-weights", CLIP]
    if words[0] == "run" and "lsun_church" in words:
        given += ["--steps", "1,2"]
        if not any("feature_space=" in word for word in words):  # others take no such file
            given += ["--inception-weights", STAND_IN]
    return [*words, *given]


def sfddm_bench(words: list[str]) -> object:
    """Run a command in this process and return its exit code, without what takes longer than all the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["sfddm-bench", *words])
        blank_figures.use(patch.setattr)
        if words[0] == "speed":  # a compilation takes 17 s, and is tested in tests/bench/speed
            patch.setenv("CXX", "no-compiler")
        if words[0] == "speed":  # four processes that import the same: once is enough
            forking = multiprocessing.get_context("forkserver")
            forking.set_forkserver_preload(["denoising_diffusion_pytorch", "diffusers", "torch._dynamo"])
            patch.setattr(multiprocessing, "get_context", lambda method: forking)
        with pytest.raises(SystemExit) as left:
            main()
    return left.value.code


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, with the folder of prepared datasets in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SFDDM_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # of the processes that commands start
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished small run."""
    out = tmp_path_factory.mktemp("finished") / "runs"
    assert sfddm_bench(["run", "--steps", "1,4", *SMALL, "--out", str(out)]) == 0
    return out


@pytest.fixture
def place(environment: Path, finished: Path) -> Path:
    """A working directory with everything that the documents' commands name."""
    lsun_lmdb(environment / "church_outdoor_train_lmdb", 24)
    image_folder(environment / "my_images", 20, 32)
    write_stand_in(environment / STAND_IN)
    write(environment / CLIP, clip_tensors())
    (environment / "my_experiment.toml").write_text(EXPERIMENT)
    UNet2DModel(**OPTIONS).save_pretrained(environment / "my_unet")
    shutil.copytree(ROOT / "results", environment / "results")
    shutil.copytree(finished, environment / "runs")
    return environment


def outs(document: str) -> Iterator[str]:
    """Yield the folders that a document's commands write to by name."""
    for words in COMMANDS[document]:
        if "--out" in words:
            yield words[words.index("--out") + 1]


def run_commands(document: str, place: Path, finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Run a document's commands, in its order."""
    for name in {name for name in outs(document) if name.startswith("runs")}:
        shutil.copytree(finished / "stages", place / name / "stages")  # the classifier's training, for all of them
    for words in map(shortened, COMMANDS[document]):
        code = sfddm_bench(words)
        said = capsys.readouterr().err.strip().rpartition("\n")[2]
        assert code == 0, f"sfddm-bench {shlex.join(words)}: {said}"


@pytest.mark.slow
@pytest.mark.parametrize("document", [name for name in COMMANDS if name != STUDENTS])
def test_every_command_runs(document: str, place: Path, finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_commands(document, place, finished, capsys)
    for name in outs(document):
        assert list((place / name / "tables").glob("*.md")), name


def test_the_documents_have_commands_of_every_kind() -> None:
    assert len(COMMANDS) > 5
    assert sum(map(len, COMMANDS.values())) > 35
    used = {words[0] for found in COMMANDS.values() for words in found}
    assert used >= {
        "run",
        "tables",
        "plots",
        "report",
        "reproduce",
        "claims",
        "status",
        "verify",
        "clean",
        "doctor",
        "speed",
        "datasets",
    }


def test_the_readmes_python_trains_and_samples() -> None:
    (example,) = blocks(TEXTS["README.md"], "python")
    names: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["images"].shape == (16, 1, 8, 8)
    assert len(names["images"].unique()) > 2


@pytest.mark.slow
def test_the_students_commands_and_python_run(place: Path, finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_commands(STUDENTS, place, finished, capsys)
    by_us, by_diffusers = blocks(TEXTS[STUDENTS], "python")
    names: dict[str, Any] = {}
    exec(compile(by_us, STUDENTS, "exec"), names)
    assert names["images"].shape == (16, 1, 8, 8)
    exec(compile(by_diffusers, STUDENTS, "exec"), names)
    assert [image.size for image in names["images"]] == [(8, 8)] * 16


def test_every_nox_session_named_exists() -> None:
    sessions = re.findall(r"^@nox\.session\ndef (\w+)", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    named = {session for text in TEXTS.values() for session in re.findall(r"nox -s (\w+)", text)}
    assert {"demo", "tests", "reproduce"} <= named <= set(sessions)


@pytest.mark.parametrize("document", TEXTS)
def test_every_file_linked_is_there(document: str) -> None:
    links = [target for target in re.findall(r"\]\(([^)#]+)", TEXTS[document]) if "://" not in target]
    missing = [target for target in links if not (ROOT / document).parent.joinpath(target).exists()]
    named = re.findall(r"(?<![\w./-])(?:docs|bench|baselines|sfddm|results|tests)/[\w./-]*\w", TEXTS[document])
    missing += [path for path in named if not (ROOT / path).exists()]
    assert missing == []


@pytest.mark.parametrize("document", TEXTS)
def test_every_heading_linked_is_there(document: str) -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)#([\w-]+)\)", TEXTS[document]):
        text = (ROOT / document).parent.joinpath(target).read_text() if target else TEXTS[document]
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        assert anchor in [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings], target
