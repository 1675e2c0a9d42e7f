"""classifier: the dataset's own classifier, whose features the images are judged by.

The same training ends with other last bits on another processor, and distances in the features of two classifiers
share no table. So the one that results are to be compared by is published with the suite, and taken instead of trained.
"""

from pathlib import Path

import torch

from bench.config.settings import Config
from bench.datasets.dataset import Images
from bench.metrics.classifier import WEIGHTS, is_residual, train_classifier
from bench.store.files import write_bytes, write_json
from bench.store.stage import Job, Stage
from sfddm.files import writing

PUBLISHED = Path(__file__).parents[1] / "metrics" / "published"


def published(stage: Stage) -> Path | None:
    """Return the published file of weights, as the stage would leave them; None: there is none."""
    path = PUBLISHED / f"{stage.label}-{stage.key}.pt"
    return path if path.exists() else None


def stage(config: Config, images: Images) -> Stage:
    """Train the classifier on the labelled images, or take the published one."""
    settings, name, labels = config.classifier, config.evaluation.feature_space, images.labels
    assert labels is not None

    def work(job: Job) -> None:
        if there := published(own):
            write_bytes(job.folder / WEIGHTS, there.read_bytes())
            return job.display.say(f"classifier {name}: the published one, as on every machine")
        pixels = torch.from_numpy(images.pixels)
        with job.display.task(f"classifier {name}", 0, "iterations") as update:
            network, accuracy = train_classifier(pixels, torch.from_numpy(labels), settings, update, job.device)
        job.display.say(
            f"classifier {name}: it is right on {accuracy:.1%} of a fifth of its images, which it was not trained on"
        )
        with writing(job.folder / WEIGHTS) as file:
            torch.save(network.cpu().state_dict(), file)
        write_json(job.folder / "accuracy.json", {"held_out_accuracy": accuracy})

    declared = {"dataset": images.name, "sha256": images.sha256, "preprocessing": images.preprocessing}
    if images.labels_sha256 is not None:  # not of digits, whose labels are fixed, nor of data prepared before schema 2
        declared |= {"labels_sha256": images.labels_sha256}
    version = 2 if is_residual(images.pixels.shape[2]) else 1
    own = Stage("classifier", name, declared | settings.model_dump(), work, version=version)
    return own
