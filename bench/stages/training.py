"""Training inside a stage: progress, a checkpoint to go on from, and the finished model."""

import time
from pathlib import Path

import torch
from torch import Tensor

from bench.store.files import write_json
from bench.store.progress import held_back
from bench.store.store import Store
from sfddm.checkpoint import DenoiserSpec, save_denoiser
from sfddm.denoiser import Denoiser
from sfddm.performance import Performance
from sfddm.resume import load_state, save_state
from sfddm.training import Loss, Training, TrainSettings, train

MODEL = "model.safetensors"
SAVE_EVERY_SECONDS = 30.0


class Run:
    """A training in a stage's folder, with what its checkpoint needs besides the training itself."""

    def __init__(self, folder: Path, store: Store, training: Training):
        self.folder, self.training = folder, training
        self.losses: list[tuple[int, float]] = []
        self.saved = self.counted = time.monotonic()
        world = training.world
        # One process finds the state and checks it, for all to go on from the same.
        state = world.told(load_state(folder, store.display.say) if world.writes else None)
        if state is not None:
            training.load_state_dict(state["training"])
            self.losses = state["losses"]
            if world.writes:
                store.log(folder, f"goes on from iteration {training.iteration}")

    def report(self, iteration: int, loss: float) -> None:
        """Keep a loss; save every so often."""
        self.losses.append((iteration, loss))
        self.counted = time.monotonic()
        if self.counted - self.saved > SAVE_EVERY_SECONDS:
            self.save()

    def save(self) -> None:
        """Write a checkpoint, in the process that writes."""
        self.saved = time.monotonic()
        if not self.training.world.writes:
            return
        state = {"training": self.training.state_dict(), "losses": self.losses}
        save_state(self.folder, self.training.iteration, state)

    def leave(self) -> None:
        """Write a checkpoint between two iterations, with the time since the last report, and end."""
        self.training.seconds += time.monotonic() - self.counted
        self.save()
        raise KeyboardInterrupt


def train_in_stage(folder: Path, store: Store, label: str, denoiser: Denoiser, spec: DenoiserSpec, loss: Loss,
                   settings: TrainSettings, seed: int, pixels: Tensor, evaluations: int,
                   performance: Performance) -> None:  # fmt: skip
    """Train a denoiser from scratch or from the folder's checkpoint; write the model, what it cost, and its losses."""
    training = Training(denoiser.network, settings.training(), seed, performance, store.world)
    run = Run(folder, store, training)
    with (
        store.display.task(label, settings.iterations, "iterations") as update,
        held_back(store.display.say) as interrupted,
    ):

        def report(iteration: int, value: float) -> None:
            update(iteration, f"loss {value:.4f}")
            run.report(iteration, value)

        def leave_if_interrupted() -> None:
            if store.world.any(interrupted()):
                run.leave()

        train(training, loss, placed(pixels, store.device), store.device, report, leave_if_interrupted)
    if not store.world.writes:
        return
    save_denoiser(folder / MODEL, training.result, spec)
    total = evaluations * settings.batch * settings.iterations
    write_json(folder / "cost.json", {"seconds": training.seconds, "evaluations": total, "loss": run.losses})


def placed(pixels: Tensor, device: str) -> Tensor:
    """Return the images on the device where they take at most half of its free memory, else where they are."""
    if device.startswith("cuda") and pixels.nbytes > torch.cuda.mem_get_info(torch.device(device))[0] // 2:
        return pixels
    return pixels.to(device)
