"""A dataset's own classifier: a second feature space, for machines without the Inception weights.

Its Frechet distance is always called "FD (digits-cnn)" and the like, never FID.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from bench.config.sections import ClassifierSettings
from bench.metrics.features import exact_float32
from bench.store.progress import Update
from sfddm.noise import training_generator
from sfddm.sampler import from_uint8

WEIGHTS = "weights.pt"  # the file of a trained one
HELD_OUT = 0.2
SMALLEST_RESIDUAL = 16  # pixels; smaller images, such as the 8x8 digits, have the plain network
LARGEST_SHIFT = 1 / 8  # of the side: 1 pixel of 8, 4 of 32
EVALUATION_BATCH = 512
REPORT_EVERY = 10  # iterations


class Classifier(nn.Module):
    """forward gives (features (N,d), logits (N,classes)) for float images (N,C,H,W) in [-1, 1]."""

    def __init__(self, body: nn.Module, features: int, classes: int):
        super().__init__()
        self.body, self.head = body, nn.Linear(features, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x)
        return features, self.head(features)


class Residual(nn.Module):
    """Two convolutions with batch norm around a skip, at one width (He et al. 2016)."""

    def __init__(self, width: int):
        super().__init__()
        self.inner = nn.Sequential(convolution(width, width), convolution(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


class SpatialMean(nn.Module):
    """The mean over a feature map's places."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def convolution(before: int, after: int, stride: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution with batch norm and ReLU."""
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU())


def is_residual(resolution: int) -> bool:
    """Whether images of this many pixels a side have the residual network."""
    return resolution >= SMALLEST_RESIDUAL


def make_classifier(channels: int, resolution: int, classes: int) -> Classifier:
    """Return the untrained network for a resolution: a plain one of 64 features, or a residual one of 256."""
    if is_residual(resolution):
        return Classifier(residual_body(channels, resolution), 256, classes)
    return Classifier(plain_body(channels, resolution), 64, classes)


def plain_body(channels: int, resolution: int) -> nn.Module:
    """Return three convolutions and a linear layer: (N,C,H,W) -> (N,64)."""
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(64 * (resolution // 2) ** 2, 64),
        nn.ReLU(),
    )


def residual_body(channels: int, resolution: int) -> nn.Module:
    """Return a small residual network: (N,C,H,W) -> (N,256). Larger images are halved to at most 32 pixels first."""
    layers: list[nn.Module] = [convolution(channels, 32)]
    while resolution > 32:
        layers.append(convolution(32, 32, stride=2))
        resolution = -(-resolution // 2)
    for width in (32, 64, 128):
        layers += [convolution(width, 2 * width, stride=2), Residual(2 * width)]
    return nn.Sequential(*layers, SpatialMean())


@dataclass(frozen=True)
class ClassifierFeatures:
    """A trained classifier as a feature extractor: uint8 (N,C,H,W) -> features and probabilities, on the CPU."""

    network_name: str
    weights_sha256: str
    network: Classifier
    resize: str = "none"

    @property
    def name(self) -> str:
        """The feature space: the network's name alone, for nothing is resized."""
        return self.network_name

    @torch.inference_mode()
    def __call__(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        device = next(self.network.parameters()).device
        with exact_float32():
            features, logits = self.network(from_uint8(pixels.to(device)))
        return features.cpu(), logits.softmax(1).cpu()


def split_held_out(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the training and held-out image indices: one fixed permutation, a fifth held out."""
    order = np.random.default_rng(0).permutation(count)
    held = int(count * HELD_OUT)
    return np.sort(order[held:]), np.sort(order[:held])


def train_classifier(
    pixels: Tensor, labels: Tensor, settings: ClassifierSettings, update: Update, device: str = "cpu"
) -> tuple[Classifier, float]:
    """Return a classifier trained on four fifths of labelled uint8 images, and its accuracy on the held-out fifth.

    A function of its arguments alone. The random numbers are the CPU's wherever it trains, dropout's apart.
    """
    channels, resolution = pixels.shape[1:3]
    kept, held = (torch.from_numpy(part) for part in split_held_out(len(pixels)))
    batch = min(settings.batch, len(kept))
    total = settings.epochs * (len(kept) // batch)
    cuda = [torch.device(device)] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=cuda), torch.backends.cudnn.flags(benchmark=False, deterministic=True):
        torch.manual_seed(0)
        network = make_classifier(channels, resolution, int(labels.max()) + 1).to(device)
        optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total)
        for iteration, chosen in enumerate(shuffled_batches(kept, batch, settings.epochs)):
            x = augmented(from_uint8(pixels[chosen].to(device)), flip=is_residual(resolution))
            loss = nn.functional.cross_entropy(network(x)[1], labels[chosen].to(device), label_smoothing=0.05)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            if (iteration + 1) % REPORT_EVERY == 0 or iteration + 1 == total:
                update(iteration + 1, f"loss {loss.item():.3f}", total)
        network.eval()
        return network, accuracy(network, pixels, labels, held, device)


def shuffled_batches(indices: Tensor, batch: int, epochs: int) -> Iterator[Tensor]:
    """Yield each epoch's batches of indices, whole batches only, in an order that the epoch decides."""
    for epoch in range(epochs):
        order = indices[torch.randperm(len(indices), generator=training_generator(0, epoch))]
        yield from order[: len(indices) // batch * batch].split(batch)


@torch.inference_mode()
def accuracy(network: Classifier, pixels: Tensor, labels: Tensor, indices: Tensor, device: str) -> float:
    """Return the part of the images at `indices` that are classified rightly."""
    right = 0
    for chosen in indices.split(EVALUATION_BATCH):
        found = network(from_uint8(pixels[chosen].to(device)))[1].argmax(1).cpu()
        right += int((found == labels[chosen]).sum())
    return right / len(indices)


def augmented(x: Tensor, flip: bool) -> Tensor:
    """Return each image of a batch (N,C,H,W) moved by its own random shift, black where nothing was; half mirrored."""
    shift = max(1, int(x.shape[2] * LARGEST_SHIFT))
    reach = 2 * shift + 1
    padded = nn.functional.pad(x, [shift] * 4, value=-1.0)
    windows = padded.unfold(2, x.shape[2], 1).unfold(3, x.shape[3], 1)  # (N, C, reach, reach, H, W)
    down, right = torch.randint(reach, (2, len(x)))
    moved = windows[torch.arange(len(x)), :, down, right]
    if not flip:
        return moved
    mirrored = (torch.rand(len(x)) < 0.5).to(x.device)
    return torch.where(mirrored.view(-1, 1, 1, 1), moved.flip(3), moved)
