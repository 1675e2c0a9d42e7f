"""Training inside a stage: progress, a checkpoint to resume from, and the finished model with what it cost."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.records.measured import COST
from bench.store import events
from bench.store.files import write_json
from bench.store.layout import SETTINGS
from bench.store.lock import Locks
from bench.store.progress import held_back
from bench.store.stage import Job, Stage
from sfddm.checkpoint import DenoiserSpec, save_denoiser
from sfddm.denoiser import Denoiser
from sfddm.performance import Performance
from sfddm.resume import Writer, iterations_there, load_state, save_state, writer
from sfddm.training import Loss, TargetDecay, Training, TrainSettings, train

MODEL = "model.safetensors"
SAVE_EVERY_SECONDS = 30.0  # at the most often
TIMES_ITS_COST = 50  # the time between two checkpoints over what one costs: at most 2 % of the training time


class Left(KeyboardInterrupt):
    """A training was left between two iterations, so that its state is whole."""


class ResumableTraining:
    """A training with its checkpoints in a stage's folder, and what they hold besides the training itself.

    writer: of the one process that writes, else None. earlier: what checkpoints cost before this process.
    """

    def __init__(self, job: Job, training: Training, writer: Writer | None):
        self.training, self.writer = training, writer
        self.losses: list[tuple[int, float]] = []
        self.saved, self.earlier = time.monotonic(), 0.0
        world = training.world
        # One process finds the state and checks it, and all resume from the same.
        state = world.broadcast(load_state(job.folder, job.display.say) if world.is_main else None)
        if state is not None:
            training.load_state_dict(state["training"])
            self.losses = state["losses"]
            self.earlier = state.get("checkpoint_seconds", 0.0)
            if world.is_main:
                job.log(f"resumes from iteration {training.iteration}")

    @property
    def checkpoint_seconds(self) -> float:
        """What checkpoints have cost: copying, while the training waits, and writing, while it goes on."""
        return self.earlier + (self.writer.seconds if self.writer else 0.0)

    @property
    def state(self) -> dict[str, Any]:
        """What a training is resumed from."""
        return {
            "training": self.training.state_dict(),
            "losses": self.losses,
            "checkpoint_seconds": self.checkpoint_seconds,
        }

    def report(self, iteration: int, loss: float) -> None:
        """Keep a loss; save every so often. Raises what the last saving raised."""
        self.losses.append((iteration, loss))
        if self.writer:
            self.writer.collect()
            if self.is_due():
                self.save()

    def is_due(self) -> bool:
        """Tell whether the next checkpoint may begin, in the process that writes."""
        if self.writer is None or self.writer.is_busy:
            return False
        return time.monotonic() - self.saved > max(SAVE_EVERY_SECONDS, TIMES_ITS_COST * self.writer.last)

    def save(self) -> None:
        """Begin to write a checkpoint, in the process that writes."""
        if self.writer is None:
            return
        self.writer.wait()
        self.writer.begin(self.training.iteration, self.state)
        self.saved = time.monotonic()


def train_in_stage(
    job: Job,
    label: str,
    denoiser: Denoiser,
    spec: DenoiserSpec,
    loss: Loss,
    settings: TrainSettings,
    seed: int,
    pixels: Tensor,
    evaluations: int,
    performance: Performance,
    target_decay: TargetDecay | None = None,
    goes_on: Stage | None = None,
) -> None:
    """Train a denoiser, from the start or from the folder's checkpoint; write the model, what it cost, and its losses.

    evaluations: of the network in all. target_decay: of the moving average that the loss asks, if it asks one. goes_on:
    the stage of a longer training that begins with this one.
    """
    training = Training(denoiser.network, settings.training(), seed, performance, job.world, target_decay)
    with ExitStack() as stack:
        update = stack.enter_context(job.display.task(label, settings.iterations, "iterations"))
        interrupted = stack.enter_context(held_back(job.display.say))
        own = stack.enter_context(writer(job.folder)) if job.world.is_main else None
        resumable = ResumableTraining(job, training, own)

        def report(iteration: int, value: float) -> None:
            update(iteration, f"loss {value:.4f}")
            if job.world.is_main:
                about = {"stage": job.folder.name, "label": label}
                events.add(job.run, "progress", **about, iteration=iteration, total=settings.iterations, loss=value)
            resumable.report(iteration, value)

        def leave_if_interrupted() -> None:
            if job.world.any_rank(interrupted()):
                raise Left

        try:
            train(training, loss, placed(pixels, job.device), job.device, report, leave_if_interrupted)
        except Left:
            resumable.save()
            if own:
                own.wait()
            raise KeyboardInterrupt from None
    if not job.world.is_main:
        return
    job.log(f"trained in {training.seconds:.1f} s, checkpoints {resumable.checkpoint_seconds:.1f} s")
    if goes_on is not None:
        hand_over(job, training.iteration, resumable.state, goes_on)
    save_denoiser(job.folder / MODEL, training.result, spec)
    write_training_cost(job.folder, training.seconds, evaluations, resumable.losses, resumable.checkpoint_seconds)


def hand_over(job: Job, iteration: int, state: dict[str, Any], stage: Stage) -> None:
    """Leave a state in the folder of the stage that continues the training, so that only the rest is left to do there.

    Nothing is left if that is done, is being done, or has come as far by itself.
    """
    folder = stage.folder(job.run)
    with Locks().hold(folder.path) as held:
        if held and not folder.is_done and iteration > iterations_there(folder.path):
            write_json(folder.path / SETTINGS, stage.declared)
            save_state(folder.path, iteration, state)


def write_training_cost(
    folder: Path,
    seconds: float | None,
    evaluations: int | None,
    losses: list[tuple[int, float]],
    checkpoint_seconds: float | None = None,
) -> None:
    """Write what a model cost to train, checkpoints apart: None for one that was not trained here."""
    cost = {"seconds": seconds, "evaluations": evaluations, "checkpoint_seconds": checkpoint_seconds, "loss": losses}
    write_json(folder / COST, cost)


def placed(pixels: Tensor, device: str) -> Tensor:
    """Return the images on the device if they take at most half of its free memory, else as they are."""
    if device.startswith("cuda") and pixels.nbytes > torch.cuda.mem_get_info(torch.device(device))[0] // 2:
        return pixels
    return pixels.to(device)
