"""The command line as a user meets it, in processes of its own."""

import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.command_line import ENVIRONMENT, PROGRAM, TINY, records, sfddm_bench
from helpers.forked_runs import Server

WORDS = ("--steps", "1,4", "--methods", "sfddm,ddim")  # of the finished run
BAD_INPUT = [
    (["--dataset", "mnist"], "--dataset", "'mnist'", "digits"),
    (["--methods", "sfdm"], "--methods", "'sfdm'", "did you mean 'sfddm'?"),
    (["--steps", "0"], "--steps", "'0'", "from 1 up"),
    (["--steps", "2000"], "--steps", "2000", "1 to 1024"),
    (["--steps", "a"], "--steps", "'a'", "such as 1,4,16"),
    (["--steps", "1,,4"], "--steps", "'1,,4'", "such as 1,4,16"),
    (["--seeds", "-1"], "--seeds", "'-1'", "from 0 up"),
    (["--images", "-5"], "--images", "-5", "from 1 up"),
    (["--images", "3"], "--images", "3", "at least 10"),
    (["--device", "cuda:99"], "--device", "'cuda:99'", "cpu"),
    (["--scale", "huge"], "--scale", "'huge'", "smoke, quick, paper"),
    (["--set", "teacher.iteration=5"], "--set", "'teacher.iteration'", "teacher.iterations"),
    (["--set", "ddim.eta=-1"], "--set", "-1", "greater than or equal to 0"),
    (["--set", "sfddm"], "--set", "'sfddm'", "section.key=value"),
    (["--methods", "ddim", "--set", "ddim.grid=zigzag"], "ddim.grid", "'zigzag'", "trailing"),
    (
        ["--methods", "ddim", "--set", "ddim.grid=uniform", "--steps", "64", "--set", "teacher.timesteps=1000"],
        "ddim.grid",
        "'uniform'",
        "67 network calls",
    ),
    (["--no-such-option"], "--no-such-option", "No such option", ""),
]


@pytest.mark.parametrize(("words", "option", "given", "possible"), BAD_INPUT, ids=lambda value: str(value)[:40])
def test_bad_input_is_one_line_and_exit_code_2(
    words: list[str], option: str, given: str, possible: str, tmp_path: Path, server: Server
) -> None:
    out = tmp_path / "out"
    code, said = server.run("run", "--out", str(out), *words)
    assert code == 2
    assert said.count("\n") == 1
    for part in (option, given, possible):
        assert part in said
    assert not out.exists()


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    run = sfddm_bench("run", "--out", str(blocked / "runs"), *TINY)
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert "--out" in run.stderr
    assert str(blocked) in run.stderr


def test_help_answers_without_torch() -> None:
    probe = "import sys, bench.cli; sys.exit('torch' in sys.modules or 'pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False, cwd=Path(__file__).parents[2]).returncode == 0
    started = time.perf_counter()
    run = sfddm_bench("run", "--help")
    assert run.returncode == 0
    assert "--dataset" in run.stdout
    assert "Examples" in run.stdout
    # 0.3 s on two idle cores; the bound is loose because tests share them.
    assert time.perf_counter() - started < 2.0


@pytest.fixture(scope="module")
def finished(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished run; the tests leave it finished."""
    return Path(shutil.copytree(digits_run, tmp_path_factory.mktemp("finished") / "runs"))


def test_a_run_writes_a_record_a_picture_tables_and_plots(finished: Path) -> None:
    found = records(finished)
    assert sorted((r["method"], r["steps"]) for r in found.values() if r["steps"]) == [
        ("ddim", 1),
        ("ddim", 4),
        ("sfddm", 1),
        ("sfddm", 4),
    ]
    for record in found.values():
        assert record["quality.distance.name"] == "FD (digits-cnn)"
        assert record["distance"] > 0
        assert record["feature_space"] == "digits-cnn"
        if record["steps"]:
            assert record["nfe"] == record["steps"] == len(record["timesteps"])
            assert record["training_cost.folds"] == (1 if record["method"] == "sfddm" else 0)
            assert record["training_cost.evaluations"] == (4 * 3 * 32 if record["method"] == "sfddm" else 0)
            assert record["sampling_cost.gpu_peak_bytes"] is None
            assert record["reasons"]["sampling_cost.gpu_peak_bytes"]
            assert record["sampling_cost.rss_peak_bytes"] > 2**20
    pictures = {path.stem for path in finished.glob("records/*/*.png")}
    assert {name for name, record in found.items() if record["steps"]} <= pictures
    for name in ("tables/digits-8-smoke.md", "tables/digits-8-smoke.csv", "plots/digits-8-smoke-quality.png"):
        assert (finished / name).stat().st_size > 100


@pytest.mark.slow
def test_the_same_command_elsewhere_gives_the_same_numbers(finished: Path, tmp_path: Path) -> None:
    assert sfddm_bench("run", "--out", str(tmp_path), *WORDS, *TINY).returncode == 0
    one, other = records(finished), records(tmp_path)
    assert one.keys() == other.keys()
    for name in one:
        for metric in ("quality", "timesteps"):
            assert one[name][metric] == other[name][metric]


def test_a_second_run_computes_nothing_and_changes_no_record(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.glob("stages/*/done.json")}
    metrics = {name: record["distance"] for name, record in records(finished).items()}
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    run = sfddm_bench("run", "--out", str(finished), *WORDS, *TINY)
    assert run.returncode == 0
    # Below 5 s of an idle machine, mostly imports; of the processor, and loose, because tests share it.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - used < 10
    assert before == {path: path.stat().st_mtime_ns for path in finished.glob("stages/*/done.json")}
    assert metrics == {name: record["distance"] for name, record in records(finished).items()}


def test_dry_run_says_what_would_be_done_and_writes_nothing(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "none"
    fresh = sfddm_bench("run", "--out", str(out), *WORDS, "--dry-run", *TINY)
    assert fresh.returncode == 0
    assert not out.exists()
    assert sum(line.startswith("record") for line in fresh.stdout.splitlines()) == 5
    assert "compute  teacher (seed 0)" in fresh.stdout
    again = sfddm_bench("run", "--out", str(finished), *WORDS, "--dry-run", *TINY)
    assert "compute" not in again.stdout
    assert "reuse    teacher (seed 0)" in again.stdout


@pytest.mark.slow
def test_an_interrupted_run_ends_with_one_line_and_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    settings = "--scale smoke --steps 2 --methods ddim --images 20 --set classifier.epochs=1 --set teacher.timesteps=64"
    words = ["run", "--out", str(tmp_path), *settings.split(), "--set", "teacher.iterations=200"]
    process = subprocess.Popen([*PROGRAM, *words], stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("compute teacher"):
            break
    process.terminate()
    rest = process.stderr.read()
    assert process.wait(timeout=60) == 130
    assert "interrupted" in rest.splitlines()[-1]
    assert "Traceback" not in rest
    assert list(tmp_path.glob("stages/classifier-*/done.json"))
    assert not list(tmp_path.glob("stages/teacher-*/done.json"))
    assert sfddm_bench(*words).returncode == 0
    straight = tmp_path / "straight"
    words[2] = str(straight)
    assert sfddm_bench(*words).returncode == 0
    assert {n: r["distance"] for n, r in records(tmp_path).items()} == {
        n: r["distance"] for n, r in records(straight).items()
    }


def test_a_run_ends_with_a_table_of_100_columns_its_report_and_a_sentence(finished: Path) -> None:
    run = sfddm_bench("run", "--out", str(finished), *WORDS, *TINY)
    *lines, report, sentence = run.stdout.splitlines()
    table = [line for line in lines if line[:1] in "┏┃┡│└"]
    assert len(table) >= 8
    assert max(map(len, table)) <= 100
    assert report == str(finished / "report.html")
    assert (finished / "report.html").stat().st_size > 1000
    assert sentence.startswith("digits 8x8, scale smoke, 1 seed: the lowest FD (digits-cnn) is that of ")
    assert sentence.endswith("; students trained on 75 % of their teacher's images; begun at random.")
