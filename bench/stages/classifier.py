"""classifier: the dataset's own classifier, whose features the images are judged by."""

import torch

from bench.config.settings import Config
from bench.datasets.dataset import Images
from bench.metrics.classifier import is_residual, train_classifier
from bench.store.files import write_json
from bench.store.stage import Job, Stage
from sfddm.files import writing


def stage(config: Config, images: Images) -> Stage:
    """Train the classifier on the labelled images."""
    settings, name, labels = config.classifier, config.evaluation.feature_space, images.labels
    assert labels is not None

    def work(job: Job) -> None:
        pixels = torch.from_numpy(images.pixels)
        with job.display.task(f"classifier {name}", 0, "iterations") as update:
            network, accuracy = train_classifier(pixels, torch.from_numpy(labels), settings, update, job.device)
        job.display.say(
            f"classifier {name}: it is right on {accuracy:.1%} of a fifth of its images, which it was not trained on"
        )
        with writing(job.folder / "weights.pt") as file:
            torch.save(network.cpu().state_dict(), file)
        write_json(job.folder / "accuracy.json", {"held_out_accuracy": accuracy})

    declared = {"dataset": images.name, "sha256": images.sha256, "preprocessing": images.preprocessing}
    if images.labels_sha256 is not None:  # not of digits, whose labels are fixed, nor of data prepared before schema 2
        declared |= {"labels_sha256": images.labels_sha256}
    version = 2 if is_residual(images.pixels.shape[2]) else 1
    return Stage("classifier", name, declared | settings.model_dump(), work, version=version)
