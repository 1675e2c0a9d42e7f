"""precision: teachers of digits that train and sample in TF32 and bfloat16 are as good as those in float32."""

import hashlib
from functools import partial
from typing import Any, get_args

import numpy as np
import torch
from scipy import stats

from bench.config.settings import Config
from bench.datasets.digits import load_digits
from bench.gpu.piece import Earlier, Found, Part, Piece, Setup
from bench.metrics.classifier import Classifier, ClassifierFeatures, make_classifier, train_classifier
from bench.metrics.features import extract
from bench.metrics.frechet import frechet_distance
from bench.stages.sampling import ShardSampler, Task
from bench.stages.training import placed
from sfddm.ddpm import ddpm_loss
from sfddm.files import writing
from sfddm.grids import timesteps
from sfddm.noise import ImageNoise
from sfddm.performance import Performance, Precision
from sfddm.sampler import ddim
from sfddm.training import Training, train

SEEDS = (0, 1, 2)
STEPS = 16
LEVEL = 0.95
FEATURES = "digits-cnn.pt"
FLOAT32, AGAIN = "fp32", "fp32 again"
WAYS: dict[str, Precision] = {name: name for name in get_args(Precision)} | {AGAIN: "fp32"}


def features(setup: Setup, _: Earlier) -> Found:
    """Train the classifier that judges the images, on the CPU as the suite does it without a GPU; keep it."""
    images = load_digits(8, None)
    assert images.labels is not None
    pixels, labels = torch.from_numpy(images.pixels), torch.from_numpy(images.labels)
    network, accuracy = train_classifier(pixels, labels, setup.digits().classifier, lambda *_: None)
    with writing(setup.folder / FEATURES) as file:
        torch.save(network.state_dict(), file)
    return Found(None, f"digits-cnn: {accuracy:.1%} of the held-out fifth", {"held_out_accuracy": accuracy})


def trained_in(setup: Setup, _: Earlier, precision: Precision, seed: int) -> Found:
    """Train a teacher and sample from it in a precision; return the Frechet distance of its images."""
    config, performance = setup.digits(), Performance(precision=precision, compile=False)
    real = torch.from_numpy(load_digits(8, None).pixels)
    spec = config.teacher_spec()
    denoiser = spec.denoiser(spec.fresh_network(seed)).to(setup.device)
    training = Training(denoiser.network, config.teacher.training(), seed, performance)
    train(training, ddpm_loss(denoiser), placed(real, setup.device), setup.device)
    network = training.result.eval()
    few = spec.denoiser(network).to(setup.device).respaced(timesteps("trailing", spec.timesteps, STEPS))
    with performance.sampling(few) as fast:
        task = Task(
            label="sampling",
            denoiser=fast,
            sample=lambda noise: ddim(fast, noise),
            noise=lambda images: ImageNoise(seed, images, (1, 8, 8), setup.device),
            shape=(1, 8, 8),
            count=config.evaluation.images,
        )
        pixels = ShardSampler(task, setup.device).shard(range(task.count))[0]
    distance = frechet(setup, config, pixels, real)
    said = f"FD (digits-cnn) {distance:.3f}, trained in {training.seconds:.0f} s"
    return Found(None, said, {"fd": distance, "seconds": training.seconds})


def frechet(setup: Setup, config: Config, pixels: np.ndarray, real: torch.Tensor) -> float:
    """Return the Frechet distance between images and the real ones, in the features of the kept classifier."""
    data = (setup.folder / FEATURES).read_bytes()
    network: Classifier = make_classifier(1, 8, 10)
    network.load_state_dict(torch.load(setup.folder / FEATURES, weights_only=True))
    extractor = ClassifierFeatures("digits-cnn", hashlib.sha256(data).hexdigest(), network.eval())
    one, other = (extract(extractor, x, config.evaluation.batch)[0] for x in (torch.from_numpy(pixels), real))
    return frechet_distance(one, other).value


def beside_float32(setup: Setup, earlier: Earlier, name: str) -> Found:
    """Tell whether the distances of a way differ from those in float32 by more than seeds do.

    The mean difference under the same seed is a number beside it: what the same start comes to.
    """
    samples: dict[str, list[float]] = {
        way: [earlier[part(way, seed)]["fd"] for seed in SEEDS] for way in (FLOAT32, name)
    }
    found = stats.ttest_ind(samples[name], samples[FLOAT32])
    low, high = found.confidence_interval(LEVEL)
    apart = np.abs(np.subtract(samples[name], samples[FLOAT32]))
    off = float(np.mean(samples[name]) - np.mean(samples[FLOAT32]))
    values: dict[str, Any] = {"difference": off, "low": float(low), "high": float(high), **samples}
    values["same_seed"] = apart.tolist()
    said = f"FD differs by {off:+.3f} [{low:+.3f}, {high:+.3f}]; under the same seed by {apart.mean():.3f}"
    return Found(None if name == AGAIN else bool(low <= 0 <= high), said, values)


def part(name: str, seed: int) -> str:
    """Return the name of the part that trains one teacher."""
    return f"{name}, seed {seed}"


PARTS: dict[str, Part] = {"features": features}
PARTS |= {
    part(name, seed): partial(trained_in, precision=way, seed=seed) for seed in SEEDS for name, way in WAYS.items()
}
PARTS |= {f"{name} beside fp32": partial(beside_float32, name=name) for name in WAYS if name != FLOAT32}
PIECE = Piece(
    f"The 95 % interval of the difference of FD (digits-cnn) from float32's, over {len(SEEDS)} seeds, contains 0.",
    PARTS,
)
