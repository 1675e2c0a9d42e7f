"""Training in a stage: killed at k and resumed, it is bit for bit the training that never stopped."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.datasets.registry import load
from bench.run.worker import Worker
from bench.stages import training
from bench.stages.context import make_context
from bench.stages.fold import models
from bench.store.progress import Display
from bench.store.stage import Stage
from sfddm.resume import load_state, saved_states

CLOCKED = ("seconds", "checkpoint_seconds")
HALF, WHOLE = 50, 100  # iterations; a checkpoint can be written every 50
SETTINGS = [
    "teacher.timesteps=8",
    f"teacher.iterations={WHOLE}",
    "teacher.batch=4",
    "teacher.ema=0.9",
    "teacher.warmup=7",
    "teacher.flip=true",
    f"student.iterations={WHOLE}",
    "pd.compute=each",
    "student.batch=4",
    "student.ema=0.9",
    "student.decay=linear",
    "student.clip_gradient=1.0",
    "sfddm.init=random",
]


class Killed(BaseException):
    """Ends a training as a kill would: nothing is written any more."""


def stages() -> dict[str, Stage]:
    config = resolve(load_preset("digits"), "smoke", SETTINGS)
    context = make_context(config, load("digits", 8, None, 0.2))
    single, chain = config.method("sfddm"), config.method("pd")
    teacher, sfddm = models(context, single, 2, 0, config.folds(single, 2))
    folds = models(context, chain, 2, 0, config.folds(chain, 2))
    return {"teacher": teacher, "sfddm": sfddm, "pd": folds[2]}


@pytest.fixture(scope="module")
def parents(tmp_path_factory: pytest.TempPathFactory) -> Worker:
    """A worker that has done the teacher and the first fold of progressive distillation."""
    worker = Worker(tmp_path_factory.mktemp("parents"), "cpu", Display())
    for stage in stages()["pd"].parents:
        worker.ensure(stage)
    return worker


def leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for name, item in value.items() if name not in CLOCKED for leaf in leaves(item)]
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["teacher", "sfddm", "pd"])
def test_killed_and_resumed_training_is_bit_for_bit_the_uninterrupted_one(
    name: str, parents: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, (whole, cut) = stages()[name], (tmp_path / "whole", tmp_path / "cut")
    monkeypatch.setattr(training.ResumableTraining, "is_due", lambda self: True)
    whole.mkdir()
    stage.work(parents.job(stage, whole))

    def save_and_die(self: training.ResumableTraining, iteration: int, loss: float) -> None:
        self.losses.append((iteration, loss))
        self.save()
        assert self.writer is not None
        self.writer.wait()
        raise Killed

    cut.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(training.ResumableTraining, "report", save_and_die)
        with pytest.raises(Killed):
            stage.work(parents.job(stage, cut))
    assert [path.name.split("-")[1] for path in saved_states(cut)] == [f"{HALF:09}"]
    assert not (cut / "model.safetensors").exists()
    stage.work(parents.job(stage, cut))
    assert "resumes from iteration 50" in (cut / "log.txt").read_text()

    one, other = (load_state(folder, print) for folder in (whole, cut))
    assert one is not None
    assert one["training"]["iteration"] == WHOLE
    assert one["training"]["average"] is not None
    assert len(leaves(one)) == len(leaves(other)) > 200  # weights, EMA, both moments of Adam, losses
    for mine, theirs in zip(leaves(one), leaves(other), strict=True):
        assert torch.equal(mine, theirs) if isinstance(mine, torch.Tensor) else mine == theirs
    models = [load_file(folder / "model.safetensors") for folder in (whole, cut)]
    assert all(torch.equal(models[0][key], models[1][key]) for key in models[0])


def test_a_damaged_checkpoint_costs_time_and_no_bit(
    parents: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    stage = stages()["teacher"]
    monkeypatch.setattr(training.ResumableTraining, "is_due", lambda self: True)
    stage.work(parents.job(stage, tmp_path))
    expected = load_file(tmp_path / "model.safetensors")
    newest = saved_states(tmp_path)[-1]
    newest.write_bytes(newest.read_bytes()[:-7])
    (tmp_path / "model.safetensors").unlink()
    stage.work(parents.job(stage, tmp_path))
    assert newest.name in capsys.readouterr().err.replace("\n", "")
    assert "resumes from iteration 50" in (tmp_path / "log.txt").read_text()
    again = load_file(tmp_path / "model.safetensors")
    assert all(torch.equal(expected[key], again[key]) for key in expected)
