"""features: those of sampled images; and how features of any images are written and read."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.metrics.features import extract
from bench.records.measured import SAMPLES
from bench.stages.context import Context
from bench.stages.sampling import read_samples
from bench.store.arrays import empty, read_arrays
from bench.store.files import write_json
from bench.store.stage import Job, Stage
from sfddm.files import writing

FEATURES, EXTRACTOR = "features.npz", "extractor.json"


@dataclass(frozen=True)
class Features:
    """features (n,d) and class probabilities (n,k) or None of a set of images, float32."""

    features: Tensor
    probabilities: Tensor | None


def stage(context: Context, samples: Stage) -> Stage:
    """Extract the features of sampled images."""

    def work(job: Job) -> None:
        write_features(job, context, read_samples(job.path(samples, SAMPLES)), f"features of {samples.label}")

    parents = (samples, *context.space.parents)
    return Stage("features", f"features of {samples.label}", context.space.identity, work, parents, version=2)


def write_features(job: Job, context: Context, pixels: np.ndarray, label: str) -> None:
    """Write the features of uint8 images (N,C,H,W), and what extracted them."""
    extractor = context.space.extractor(job)
    with job.display.task(label, len(pixels), "images") as update:
        features, probabilities = extract(
            extractor,
            torch.from_numpy(pixels),
            context.config.evaluation.batch,
            update,
            partial(empty, folder=job.folder),
        )
    arrays: dict[str, Any] = {"features": features.numpy()}
    if probabilities is not None:
        arrays["probabilities"] = probabilities.numpy()
    with writing(job.folder / FEATURES) as file:
        np.savez(file, **arrays)
    about = {
        "name": extractor.name,
        "network": extractor.network_name,
        "resize": extractor.resize,
        "weights_sha256": extractor.weights_sha256,
    }
    write_json(job.folder / EXTRACTOR, about)


def read_features(path: Path, device: str = "cpu") -> Features:
    """Return the features and probabilities in a file, on a device; on the CPU large ones are memory-mapped."""
    arrays = {name: array.to(device) for name, array in read_arrays(path).items()}
    return Features(arrays["features"], arrays.get("probabilities"))
