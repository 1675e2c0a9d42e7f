"""held-out: the features of the images that nothing is trained on, and what every cell needs to know of them."""

import numpy as np
from torch import Tensor

from bench.datasets.dataset import Images
from bench.metrics.frechet import reference as reference_statistics
from bench.metrics.metric import HeldOutImages
from bench.metrics.neighbours import nearest_distances
from bench.metrics.spaces import ClassifierSpace
from bench.stages.context import Context
from bench.stages.features import FEATURES, Features, read_features, write_features
from bench.stages.statistics import read_statistics, write_statistics
from bench.store.files import write_json
from bench.store.stage import Job, Stage

NEAREST = "nearest.json"


def stage(context: Context, reference: Stage) -> Stage | None:
    """Find the features of the held-out images, their Gaussian, and how far they are from the training images.

    None if no images are held out.
    """
    images = context.images.held_out
    if images is None:
        return None

    def work(job: Job) -> None:
        write_features(job, context, images.pixels, "features of the held-out images")
        found = read_features(job.folder / FEATURES, job.device)
        write_statistics(job, reference_statistics(found.features))
        training = read_features(job.path(reference, FEATURES), job.device).features
        nearest = nearest_distances(found.features, training).median().item()
        write_json(job.folder / NEAREST, {"nearest": nearest})
        if isinstance(context.space, ClassifierSpace) and images.labels is not None:
            job.display.say(
                f"classifier {context.space.name}: right on {accuracy(found, images):.1%} of the held-out images"
            )

    settings = {"held_out": images.sha256, "rule": images.preprocessing} | context.space.identity
    return Stage("held-out", "held-out images", settings, work, (reference, *context.space.parents))


def accuracy(found: Features, images: Images) -> float:
    """Return the part of labelled images whose largest class probability is their own class's."""
    assert found.probabilities is not None
    return float(np.mean(found.probabilities.argmax(1).cpu().numpy() == images.labels))


def read_held_out(job: Job, stage: Stage | None) -> HeldOutImages | None:
    """Return what cells need to know of the held-out images, on the job's device; None if there are none."""
    if stage is None:
        return None
    return HeldOutImages(read_statistics(job, stage), job.read(stage, NEAREST)["nearest"])


def held_out_features(job: Job, stage: Stage) -> Tensor:
    """Return the features (n,d) of the held-out images."""
    return read_features(job.path(stage, FEATURES)).features
