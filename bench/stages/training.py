"""Training inside a stage: progress, a checkpoint to resume from, and the finished model with what it cost."""

import time
from pathlib import Path

import torch
from torch import Tensor

from bench.records.measured import COST
from bench.store.files import write_json
from bench.store.progress import held_back
from bench.store.stage import Job
from sfddm.checkpoint import DenoiserSpec, save_denoiser
from sfddm.denoiser import Denoiser
from sfddm.performance import Performance
from sfddm.resume import load_state, save_state
from sfddm.training import Loss, Training, TrainSettings, train

MODEL = "model.safetensors"
SAVE_EVERY_SECONDS = 30.0


class ResumableTraining:
    """A training with its checkpoints in a stage's folder, and what they hold besides the training itself."""

    def __init__(self, job: Job, training: Training):
        self.folder, self.training = job.folder, training
        self.losses: list[tuple[int, float]] = []
        self.saved = self.counted = time.monotonic()
        world = training.world
        # One process finds the state and checks it, and all resume from the same.
        state = world.broadcast(load_state(self.folder, job.display.say) if world.is_main else None)
        if state is not None:
            training.load_state_dict(state["training"])
            self.losses = state["losses"]
            if world.is_main:
                job.log(f"resumes from iteration {training.iteration}")

    def report(self, iteration: int, loss: float) -> None:
        """Keep a loss; save every so often."""
        self.losses.append((iteration, loss))
        self.counted = time.monotonic()
        if self.counted - self.saved > SAVE_EVERY_SECONDS:
            self.save()

    def save(self) -> None:
        """Write a checkpoint, in the process that writes."""
        self.saved = time.monotonic()
        if not self.training.world.is_main:
            return
        state = {"training": self.training.state_dict(), "losses": self.losses}
        save_state(self.folder, self.training.iteration, state)

    def leave(self) -> None:
        """Write a checkpoint between two iterations, with the time since the last report, and end."""
        self.training.seconds += time.monotonic() - self.counted
        self.save()
        raise KeyboardInterrupt


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
) -> None:
    """Train a denoiser, from the start or from the folder's checkpoint; write the model, what it cost, and its losses.

    evaluations: of the network, for each image of an iteration.
    """
    training = Training(denoiser.network, settings.training(), seed, performance, job.world)
    resumable = ResumableTraining(job, training)
    with (
        job.display.task(label, settings.iterations, "iterations") as update,
        held_back(job.display.say) as interrupted,
    ):

        def report(iteration: int, value: float) -> None:
            update(iteration, f"loss {value:.4f}")
            resumable.report(iteration, value)

        def leave_if_interrupted() -> None:
            if job.world.any_rank(interrupted()):
                resumable.leave()

        train(training, loss, placed(pixels, job.device), job.device, report, leave_if_interrupted)
    if not job.world.is_main:
        return
    save_denoiser(job.folder / MODEL, training.result, spec)
    total = evaluations * settings.batch * settings.iterations
    write_training_cost(job.folder, training.seconds, total, resumable.losses)


def write_training_cost(
    folder: Path, seconds: float | None, evaluations: int | None, losses: list[tuple[int, float]]
) -> None:
    """Write what a model cost to train: None for one that was not trained here."""
    write_json(folder / COST, {"seconds": seconds, "evaluations": evaluations, "loss": losses})


def placed(pixels: Tensor, device: str) -> Tensor:
    """Return the images on the device if they take at most half of its free memory, else as they are."""
    if device.startswith("cuda") and pixels.nbytes > torch.cuda.mem_get_info(torch.device(device))[0] // 2:
        return pixels
    return pixels.to(device)
