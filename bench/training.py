"""Training inside a stage: progress, a checkpoint to go on from, and the finished model."""

import os
import time
from pathlib import Path

import torch
from torch import Tensor

from bench.files import write_json
from bench.stages import Store
from sfddm.checkpoint import DenoiserSpec, save_denoiser
from sfddm.denoiser import Denoiser
from sfddm.training import Loss, Training, TrainSettings, train

SAVE_EVERY_SECONDS = 30.0
RESUME = "resume.pt"


def train_in_stage(folder: Path, store: Store, label: str, denoiser: Denoiser, spec: DenoiserSpec, loss: Loss,
                   settings: TrainSettings, seed: int, pixels: Tensor, evaluations: int) -> None:  # fmt: skip
    """Train a denoiser from scratch or from the folder's checkpoint; write the model, what it cost, and its losses."""
    training = Training(denoiser.network, settings.training(), seed)
    checkpoint = folder / RESUME
    if checkpoint.exists():
        training.load_state_dict(torch.load(checkpoint, map_location=store.device, weights_only=True))
    losses: list[tuple[int, float]] = []
    saved = time.monotonic()
    with store.display.task(label, settings.iterations, "iterations") as update:

        def report(iteration: int, value: float) -> None:
            nonlocal saved
            losses.append((iteration, value))
            update(iteration, f"loss {value:.4f}")
            if time.monotonic() - saved > SAVE_EVERY_SECONDS:
                save_training(checkpoint, training)
                saved = time.monotonic()

        train(training, loss, placed(pixels, store.device), store.device, report)
    save_denoiser(folder / "model.safetensors", training.result, spec)
    total = evaluations * settings.batch * settings.iterations
    write_json(folder / "cost.json", {"seconds": training.seconds, "evaluations": total, "loss": losses})


def placed(pixels: Tensor, device: str) -> Tensor:
    """Return the images on the device where they take at most half of its free memory, else where they are."""
    if device.startswith("cuda") and pixels.nbytes > torch.cuda.mem_get_info(torch.device(device))[0] // 2:
        return pixels
    return pixels.to(device)


def save_training(path: Path, training: Training) -> None:
    """Write a training state atomically."""
    temporary = path.with_suffix(".tmp")
    torch.save(training.state_dict(), temporary)
    os.replace(temporary, path)
