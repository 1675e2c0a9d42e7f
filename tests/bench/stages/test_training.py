"""Checkpoints of a training in a stage: how often, what they cost, and their faults."""

import errno
import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from bench.run.worker import Worker
from bench.stages import training
from bench.stages.training import ResumableTraining, train_in_stage
from bench.store.progress import Display
from bench.store.stage import Job
from sfddm import resume
from sfddm.checkpoint import DenoiserSpec
from sfddm.ddpm import ddpm_loss
from sfddm.distributed import World
from sfddm.performance import Performance
from sfddm.training import Training, TrainSettings
from sfddm.unet import UNetConfig

SPEC = DenoiserSpec(network=UNetConfig(dim=8, dim_mults=(1,), channels=1, heads=1, head_dim=8), timesteps=64)
PIXELS = torch.randint(0, 256, (30, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
SLOW = 0.3  # seconds that a copy takes


def job(folder: Path) -> Job:
    return Job(folder, Worker(folder, "cpu", Display(quiet=True)).store.run, "cpu", Display(quiet=True), World())


def work(folder: Path) -> dict:
    denoiser = SPEC.denoiser(SPEC.fresh_network(0))
    settings = TrainSettings(iterations=100, batch=4)
    loss = ddpm_loss(denoiser)
    train_in_stage(job(folder), "teacher", denoiser, SPEC, loss, settings, 0, PIXELS, 3, Performance())
    return json.loads((folder / "cost.json").read_text())


@pytest.mark.parametrize(("last", "between"), [(0.0, 30.0), (0.1, 30.0), (0.6, 30.0), (9.0, 450.0)])
def test_the_next_checkpoint_comes_after_30_seconds_or_50_times_what_the_last_took(
    last: float, between: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: now))
    with resume.writer(tmp_path) as own:
        resumable = ResumableTraining(job(tmp_path), Training(SPEC.fresh_network(0), TrainSettings(), 0), own)
        own.last = last
        now += between
        assert not resumable.is_due()
        now += 0.001
        assert resumable.is_due()


def test_checkpoints_are_counted_apart_and_the_training_goes_on_while_one_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_end, written = threading.Event(), []
    report, save, copied = ResumableTraining.report, resume.save_state, resume.on_cpu

    def waiting(folder: Path, iteration: int, state: dict, abandoned: threading.Event) -> None:
        assert at_the_end.wait(60)  # which the training reaches only if it does not wait
        save(folder, iteration, state, abandoned)
        written.append(iteration)

    def slowly_copied(value: object) -> object:
        time.sleep(SLOW if isinstance(value, dict) and "training" in value else 0)
        return copied(value)

    def reporting(self: ResumableTraining, iteration: int, loss: float) -> None:
        report(self, iteration, loss)
        if iteration == 100:
            at_the_end.set()

    monkeypatch.setattr(resume, "save_state", waiting)
    monkeypatch.setattr(resume, "on_cpu", slowly_copied)
    monkeypatch.setattr(ResumableTraining, "is_due", lambda self: self.training.iteration == 50)
    monkeypatch.setattr(ResumableTraining, "report", reporting)
    started = time.perf_counter()
    cost = work(tmp_path)
    assert written == [50]
    assert cost["checkpoint_seconds"] > SLOW
    assert cost["seconds"] + SLOW < time.perf_counter() - started  # the copying is not in it
    assert f"checkpoints {cost['checkpoint_seconds']:.1f} s" in (tmp_path / "log.txt").read_text()


def test_a_full_disk_found_by_the_thread_ends_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "resume.new")

    monkeypatch.setattr(resume, "save_state", full)
    monkeypatch.setattr(ResumableTraining, "is_due", lambda self: True)
    with pytest.raises(OSError, match=r"No space left on device: 'resume\.new'"):
        work(tmp_path)
    assert not (tmp_path / training.MODEL).exists()
