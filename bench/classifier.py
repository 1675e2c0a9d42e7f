"""A dataset's own classifier: a second feature space, for machines without the Inception weights.

Its Frechet distance is always called "FD (digits-cnn)" and the like, never FID.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from bench.config import ClassifierSettings
from sfddm.noise import training_generator
from sfddm.sampler import from_uint8

HELD_OUT = 0.2
FEATURES = 64
LARGEST_SHIFT = 1  # pixels; digits are 8x8


class Classifier(nn.Module):
    """A small CNN; forward gives (features (N,64), logits (N,classes)) for float images in [-1, 1]."""

    def __init__(self, channels: int, resolution: int, classes: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, 32, 3, padding=1), nn.ReLU(),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(64 * (resolution // 2) ** 2, FEATURES), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x)
        return features, self.head(features)


@dataclass(frozen=True)
class ClassifierFeatures:
    """A trained classifier as a feature extractor: uint8 (N,C,H,W) -> features and probabilities, on the CPU."""

    name: str
    weights_sha256: str
    network: Classifier

    @torch.inference_mode()
    def __call__(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        device = next(self.network.parameters()).device
        features, logits = self.network(from_uint8(pixels.to(device)))
        return features.cpu(), logits.softmax(1).cpu()


def split_held_out(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the training and held-out image indices: one fixed permutation, a fifth held out."""
    order = np.random.default_rng(0).permutation(count)
    held = int(count * HELD_OUT)
    return np.sort(order[held:]), np.sort(order[:held])


def train_classifier(pixels: Tensor, labels: Tensor, settings: ClassifierSettings,
                     report: Callable[[int, str], None]) -> tuple[Classifier, float]:  # fmt: skip
    """Return a classifier trained on four fifths of labelled uint8 images, and its accuracy on the held-out fifth.

    A function of its arguments alone. Images are shifted by up to one pixel as augmentation.
    """
    channels, resolution = pixels.shape[1], pixels.shape[2]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Classifier(channels, resolution, int(labels.max()) + 1)
        kept, held = (torch.from_numpy(part) for part in split_held_out(len(pixels)))
        batches = len(kept) // settings.batch
        optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, settings.epochs * batches)
        for epoch in range(settings.epochs):
            order = kept[torch.randperm(len(kept), generator=training_generator(0, epoch))]
            for chosen in order[: batches * settings.batch].split(settings.batch):
                x = shifted(from_uint8(pixels[chosen]))
                loss = nn.functional.cross_entropy(network(x)[1], labels[chosen], label_smoothing=0.05)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                schedule.step()
            report(epoch + 1, f"loss {loss.item():.3f}")
    network.eval()
    with torch.inference_mode():
        accuracy = (network(from_uint8(pixels[held]))[1].argmax(1) == labels[held]).double().mean().item()
    return network, accuracy


def shifted(x: Tensor) -> Tensor:
    """Return each image of a batch moved by its own random shift, black where it came from."""
    reach = 2 * LARGEST_SHIFT + 1
    padded = nn.functional.pad(x, [LARGEST_SHIFT] * 4, value=-1.0)
    windows = padded.unfold(2, x.shape[2], 1).unfold(3, x.shape[3], 1)  # (N, C, reach, reach, H, W)
    down, right = torch.randint(reach, (2, len(x)))
    return windows[torch.arange(len(x)), :, down, right]
