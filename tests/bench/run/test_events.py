"""What happens in a run is appended line by line, and told to loggers, which cannot disturb it."""

import json
import multiprocessing
from pathlib import Path

import pytest
from helpers.command_line import ENVIRONMENT, TINY, sfddm_bench
from helpers.third_party import install

from bench.store.events import add, read_from
from bench.store.layout import RunFolder

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "wandb_logger.py"
# Of wandb, what the example calls; what it is told is in a file.
WANDB = """
import json
from pathlib import Path


class Run:
    def __init__(self, folder):
        self.path, self.told = Path(folder) / "told.json", []

    def log(self, values):
        self.told.append(values)

    def finish(self):
        self.path.write_text(json.dumps(self.told))


def init(project, dir, config):
    assert project == "sfddm-bench"
    return Run(dir)
"""
BROKEN = """
class Broken:
    def __init__(self, folder):
        pass

    def __call__(self, event):
        raise ValueError("it is down")

    def close(self):
        raise AssertionError("told nothing more")
"""
WORDS = ("run", "--methods", "sfddm,ddim", "--steps", "1", "--metrics", "quality", *TINY)


def write_some(folder: Path, name: str) -> None:
    for number in range(200):
        add(RunFolder(folder), "progress", stage=name, iteration=number, label="x" * 200)


def test_what_several_processes_append_at_once_is_all_there_line_by_line(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=write_some, args=(tmp_path, name)) for name in "abc"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    found, offset = read_from(tmp_path / "events.jsonl", 0)
    assert offset == (tmp_path / "events.jsonl").stat().st_size
    for name in "abc":
        assert [event["iteration"] for event in found if event["stage"] == name] == list(range(200))


def test_a_line_that_is_not_whole_yet_is_read_once_it_is(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert read_from(path, 0) == ([], 0)
    path.write_text('{"event": "begun"}\nnone of ours\n{"event": "en')
    found, offset = read_from(path, 0)
    assert found == [{"event": "begun"}]
    with path.open("a") as file:
        file.write('ded"}\n')
    assert read_from(path, offset)[0] == [{"event": "ended"}]


def test_a_number_that_is_none_is_left_out(tmp_path: Path) -> None:
    add(RunFolder(tmp_path), "progress", loss=float("nan"), iteration=3)
    (event,) = read_from(tmp_path / "events.jsonl", 0)[0]
    assert (event.keys() - {"time"}, event["iteration"]) == ({"event", "iteration"}, 3)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of two packages with a logger each: the example, and one that fails."""
    site = tmp_path_factory.mktemp("site")
    install(site, "wandb_logger", EXAMPLE.read_text(), "[sfddm_bench.loggers]\nwandb = wandb_logger:WandB\n")
    install(site, "broken", BROKEN, "[sfddm_bench.loggers]\nbroken = broken:Broken\n")
    (site / "wandb.py").write_text(WANDB)
    return {"PYTHONPATH": f"{ENVIRONMENT['PYTHONPATH']}:{site}"}


@pytest.mark.slow
def test_a_run_appends_what_happens_and_tells_every_logger(environment: dict[str, str], tmp_path: Path) -> None:
    done = sfddm_bench(*WORDS, "--log", "tensorboard,wandb,broken", "--out", str(tmp_path), **environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("--log broken: it is down; the run goes on without it") == 1
    found, _ = read_from(tmp_path / "events.jsonl", 0)
    assert {event["stage"] for event in found if event["event"] == "ended"} == {
        path.name for path in (tmp_path / "stages").iterdir()
    }
    measured = {event["method"]: event["distance"] for event in found if event["event"] == "measured"}
    assert measured.keys() == {"real data", "sfddm", "ddim"}
    losses = [event["loss"] for event in found if event["event"] == "progress"]
    assert len(losses) == 2  # of the teacher and the student
    told = json.loads((tmp_path / "told.json").read_text())
    assert [value for one in told for name, value in one.items() if name.startswith("loss/")] == losses
    assert {one["method"]: one["FD (digits-cnn)"] for one in told if "method" in one} == measured

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    shown = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert {tag for tag in shown.Tags()["scalars"] if tag.startswith("loss/")} == {
        "loss/teacher",
        "loss/sfddm to 1 step",
    }
    (point,) = shown.Scalars("FD (digits-cnn)/sfddm, seed 0")
    assert (point.step, point.value) == (1, pytest.approx(measured["sfddm"]))


def test_a_logger_that_is_none_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    done = sfddm_bench(*WORDS, "--log", "tensorbord", "--out", str(tmp_path / "runs"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--log: 'tensorbord' given (did you mean 'tensorboard'?)" in done.stderr
    assert not (tmp_path / "runs").exists()
